"""Names of files: whatever bytes they are, they can be read back out of the results."""

import base64
import json
import os
from pathlib import Path

import pytest

from batchcls.images import Failure, ImageRef, Prediction
from batchcls.results import record

SINGLE = [bytes([b]) for b in range(1, 256) if b != ord("/")]
PAIRS = [
    bytes([lead, follow])
    for lead in range(0xC0, 0x100)
    for follow in (0x00 + 1, 0x41, 0x7F, 0x80, 0xBF, 0xC0, 0xFF)
]
STRANGE = [
    b"new\nline", b"\x1b[31mred", b"tab\t", "\u202eright to left".encode(), "\u200b".encode(),
    b"[/]", b"[link=http://x]", b"<script>alert(1)</script>", b"{{7*7}}", b"=cmd|' /C calc'!A0",
    b"-rf", b"@list", b'"quoted"', b"back\\slash", b"'", b"$(reboot)", b"`", b"%s%n", b" ", b".",
    "é".encode("latin-1"), "日本".encode("shift-jis"), b"\xed\xa0\x80", b"\xf4\x90\x80\x80",
    b"\xc0\xaf", b"\xef\xbb\xbfbom", "\U0001f600".encode(), "\ufffd".encode(), b"\xff" * 255,
    b"x" * 255, b"a\xffb\xfec", b'","error":{"kind":"',
]  # fmt: skip
NAMES = SINGLE + PAIRS + STRANGE


def read_back(line: bytes) -> bytes:
    """As a program that knows only the documentation does it."""
    content = json.loads(line)
    if "path_b64" in content:
        return base64.b64decode(content["path_b64"])
    path: str = content["path"]
    return path.encode()


def test_there_are_many() -> None:
    assert len(set(NAMES)) >= 600


@pytest.mark.parametrize("kind", ["ok", "failed"])
def test_every_name_can_be_read_back(kind: str) -> None:
    for index, name in enumerate(NAMES):
        ref = ImageRef(index, os.fsdecode(b"folder/" + name))
        if kind == "ok":
            line = record.ok_line(ref, [Prediction(0, "x", 1.0)])
        else:
            line = record.failure_line(ref, Failure("empty", f"no bytes in {ref.path}"))
        assert read_back(line) == b"folder/" + name
        assert all(0x20 <= byte < 0x7F for byte in line), name
        assert record.check(line, index)
        assert line.startswith(record.head(ref) + b",")
        assert record.parse(line).path == ref.path
        if kind == "failed":
            assert record.failed_kind(line) == "empty"
        else:
            assert record.failed_kind(line) is None


def test_no_two_names_look_the_same() -> None:
    heads = {record.head(ImageRef(0, os.fsdecode(name))) for name in NAMES}
    assert len(heads) == len(set(NAMES))


def test_names_that_the_file_system_has(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path)
    made = set()
    for name in SINGLE + STRANGE:
        if name != b"." and b"/" not in name:
            with open(os.path.join(folder, name), "wb"):
                made.add(name)
    listed = os.listdir(tmp_path)
    lines = [record.ok_line(ImageRef(0, n), [Prediction(0, "x", 1.0)]) for n in listed]
    assert {read_back(line) for line in lines} == made
