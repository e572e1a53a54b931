"""Names that hurt: bytes come back from the results, and no terminal gets a control byte."""

import base64
import json
import os
import pty
import re
import select
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from batchcls.job.job import Job
from batchcls.running.run import run
from tests.support.processes import PATIENCE_S

pytestmark = pytest.mark.runs

BYTES = [bytes([b]) for b in range(1, 256) if b != ord("/")]
PAIRS = [
    bytes([a, b]) for a in (0xC0, 0xC3, 0xE2, 0xED, 0xF4, 0xFF) for b in (0x28, 0xA0, 0xC3, 0xFE)
]
WORDS = [
    "new\nline", "carriage\rreturn", "\x1b[2J\x1b[31mred", "\x1b]0;title\x07", "\x9b2J",
    "\u202egnp.exe", "\u2066isolated", "zero\u200bwidth", "line\u2028separator", "[/]", "[bold]",
    "[link=http://x]y[/link]", "<script>alert(1)</script>", "{{7*7}}", "=cmd|' /C calc'!A0",
    "+1", "@SUM(1)", "-rf", "--help", "~", "$HOME", "`id`", '"quoted"', "back\\slash", "%s%n",
    " leading", "trailing ", "é", "e\u0301", "日本", "🙂", "a" * 251,
]  # fmt: skip
CONTROL = re.compile(
    rb"[\x00-\x09\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\x8b-\x8f\xa8-\xae]|\xe2\x81[\xa6-\xa9]"
)


def hostile_names() -> list[bytes]:
    stems = [b"x" + b for b in BYTES] + PAIRS + [os.fsencode(w) for w in WORDS]
    names = [stem + b".png" for stem in stems]
    assert max(map(len, names)) == 255
    return names


@pytest.fixture
def hostile(tmp_path: Path, images: Path) -> Path:
    folder = tmp_path / "hostile"
    folder.mkdir()
    good = (images / "a/01-green.png").read_bytes()
    for number, name in enumerate(hostile_names()):
        # Every second is no picture, so that its name is in what is said about failures.
        path = os.fsencode(folder) + b"/" + name
        os.makedirs(os.path.dirname(path), exist_ok=True)  # b"[/]" is a folder and a file
        with open(path, "wb") as file:
            file.write(good if number % 2 else b"no image")
    return folder


def names_in(output: Path) -> list[bytes]:
    found = []
    for line in output.read_bytes().splitlines():
        record = json.loads(line)
        raw = record.get("path_b64")
        found.append(base64.b64decode(raw) if raw else record["path"].encode())
    return found


def test_the_bytes_of_every_name_come_back(job: Job, hostile: Path) -> None:
    run(replace(job, sources=(str(hostile),), max_failed="100%"))
    data = Path(job.output).read_bytes()
    assert not re.search(rb"[^\n\x20-\x7e]", data)
    root = os.fsencode(hostile)
    listed = [os.path.join(at, name) for at, _, files in os.walk(root) for name in files]
    assert names_in(Path(job.output)) == sorted(os.path.relpath(path, root) for path in listed)
    assert len(listed) == len(hostile_names()) > 300


def on_terminal(command: list[str], seconds: float = 50) -> tuple[int, bytes]:
    """What a terminal gets of a command."""
    main, terminal = pty.openpty()
    process = subprocess.Popen(
        command, stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "120", "LINES": "40"},
    )  # fmt: skip
    os.close(terminal)
    heard = bytearray()

    def listen() -> None:
        while True:
            try:
                data = os.read(main, 65536)
            except OSError:
                return
            if not data:
                return
            heard.extend(data)

    thread = threading.Thread(target=listen)
    thread.start()
    code = process.wait(seconds)
    thread.join(5)
    os.close(main)
    return code, bytes(heard)


def command(job: Job, *more: str) -> list[str]:
    return [
        sys.executable, "-m", "batchcls", "run", *job.sources, "-m", str(job.model),
        "-o", job.output, "-w", "1", *more,
    ]  # fmt: skip


def test_plain_lines_hold_no_control_byte_but_newlines(job: Job, hostile: Path) -> None:
    job = replace(job, sources=(str(hostile),))
    code, heard = on_terminal(command(job, "--progress", "plain"))
    assert code == 0
    assert len(heard) > 200
    # The summary at the end is coloured on any terminal.
    assert not CONTROL.search(OWN.sub(b"", heard).replace(b"\r\n", b"\n"))


OWN = re.compile(rb"\x1b\[[0-9;?]*[A-LSThlmK]|\x1b\[[0-9;]*q|\x1b[78]")
"""Colours, cursor, clearing, modes: what Rich itself writes, never taken from a name."""


def test_the_dashboard_sends_its_own_sequences_only(job: Job, hostile: Path) -> None:
    job = replace(job, sources=(str(hostile),))
    code, heard = on_terminal(command(job, "--progress", "rich"))
    assert code == 0
    assert len(heard) > 500
    assert b"\x1b]0;title" not in heard
    rest = OWN.sub(b"", heard).replace(b"\r", b"")
    assert not CONTROL.search(rest), CONTROL.search(rest)


@pytest.mark.parametrize("word", ["\x1b[2Jx", "a\nb", "\u202ex", "[/]", "\udcff"])
def test_errors_hold_no_control_byte(job: Job, tmp_path: Path, word: str) -> None:
    for change in (
        {"sources": (str(tmp_path / word),)}, {"model": str(tmp_path / word)},
        {"output": str(tmp_path / word / "results.jsonl")},
    ):  # fmt: skip
        done = subprocess.run(
            command(replace(job, **change)),
            capture_output=True, timeout=PATIENCE_S, check=False,
        )  # fmt: skip
        assert done.returncode == 2
        assert not CONTROL.search(done.stderr + done.stdout)
        assert b"Traceback" not in done.stderr


def test_a_run_whose_terminal_closes_drains_and_can_go_on(job: Job, images: Path) -> None:
    main, terminal = pty.openpty()
    slow = command(job, "--progress", "rich", "--number-iter", "300")
    process = subprocess.Popen(
        # setsid makes the terminal the process's own, so that it is hung up with it.
        ["setsid", "--ctty", *slow], stdin=terminal, stdout=terminal, stderr=terminal,
        env={**os.environ, "TERM": "xterm-256color"},
    )  # fmt: skip
    os.close(terminal)
    deadline = time.monotonic() + PATIENCE_S
    while not Path(job.output + ".part").exists():
        assert time.monotonic() < deadline
        if select.select([main], [], [], 0.02)[0]:
            os.read(main, 65536)
    os.close(main)
    assert process.wait(PATIENCE_S) in (-1, 129)
    assert run(job).images == 53


def test_a_reader_that_leaves_after_the_first_line(job: Job) -> None:
    words = " ".join(f"'{word}'" for word in command(job, "--progress", "json"))
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {words} | head -1"],
        capture_output=True, timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    assert len(done.stdout.splitlines()) == 1
    assert done.returncode == 0, done.stderr
    assert len(Path(job.output).read_bytes().splitlines()) == 53


def test_a_run_started_without_standard_output(job: Job) -> None:
    words = " ".join(f"'{word}'" for word in command(job))
    for closed in (">&-", ">&- 2>&- <&-"):
        done = subprocess.run(
            ["bash", "-c", f"{words} --fresh {closed}"], timeout=PATIENCE_S, check=False
        )
        assert done.returncode == 0
        assert len(Path(job.output).read_bytes().splitlines()) == 53
