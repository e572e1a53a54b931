"""What zips can hold besides files, and directories that were written to confuse."""

import io
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from batchcls.errors import SourceError
from batchcls.images import MAX_BYTES, Member
from batchcls.job.job import Job
from batchcls.sources.freezing import freeze
from tests.support.archives import zip_bytes
from tests.support.members import listed, outcome

IMAGES = {"a.jpg": b"a" * 5000, "b/ü.jpg": b"b" * 300}


def written(fill: Callable[[zipfile.ZipFile], object]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        fill(archive)
    return buffer.getvalue()


def found(tmp_path: Path, data: bytes) -> dict[str, bytes | str]:
    path = tmp_path / "s.zip"
    path.write_bytes(data)
    return {ref.path.removeprefix(f"{path}//"): outcome(ref) for ref in listed(path)}


@pytest.mark.parametrize(
    "data",
    [
        zip_bytes(IMAGES, zipfile.ZIP_STORED),
        zip_bytes(IMAGES, comment=b"PK\5\6" + b"c" * 2000),
        b"#!/bin/sh\nexit\n" + zip_bytes(IMAGES),
    ],
    ids=["stored", "with a comment", "behind a program"],
)
def test_members_of_every_usual_form(tmp_path: Path, data: bytes) -> None:
    assert found(tmp_path, data) == IMAGES


def test_sizes_of_64_bits(tmp_path: Path) -> None:
    def fill(archive: zipfile.ZipFile) -> None:
        for name, content in IMAGES.items():
            with archive.open(name, "w", force_zip64=True) as member:
                member.write(content)

    assert found(tmp_path, written(fill)) == IMAGES


def test_a_field_of_64_bits_that_is_longer_than_its_place_is_refused(tmp_path: Path) -> None:
    def fill(archive: zipfile.ZipFile) -> None:
        info = zipfile.ZipInfo("a.jpg")
        info.extra = struct.pack("<2HQ", 1, 8, 1)
        archive.writestr(info, b"a")

    data = bytearray(written(fill))
    entry = data.rindex(b"PK\1\2")
    struct.pack_into("<L", data, entry + 24, (1 << 32) - 1)  # its size is in the field
    at = data.index(struct.pack("<2H", 1, 8), entry)
    struct.pack_into("<H", data, at + 2, 800)
    with pytest.raises(SourceError, match=r"cannot list .*: damaged"):
        found(tmp_path, bytes(data))


def test_packed_bytes_over_the_limit_are_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "s.zip"
    path.write_bytes(zip_bytes({"a.jpg": b"a" * 5000}))
    (ref,) = listed(path)
    assert isinstance(ref.place, Member)
    lying = ref.place._replace(stored=MAX_BYTES + 1, size=10)
    assert outcome(ref._replace(place=lying)) == "too_large"


@pytest.mark.runs
def test_more_members_than_16_bits_count(tmp_path: Path) -> None:
    images = {f"{n}.jpg": b"" for n in range(70_000)}
    path = tmp_path / "s.zip"
    path.write_bytes(zip_bytes(images, zipfile.ZIP_STORED))
    assert len(listed(path)) == 70_000


@pytest.mark.parametrize(
    ("raw", "name"),
    [("ü.jpg".encode(), "ü.jpg"), (b"\x81.jpg", "ü.jpg"), (b"back\\slash.jpg", "back\\slash.jpg")],
    ids=["UTF-8 that does not say so", "cp437", "a backslash"],
)
def test_names_without_the_mark_of_utf_8(tmp_path: Path, raw: bytes, name: str) -> None:
    plain = "x" * (len(raw) - 4) + ".jpg"
    data = zip_bytes({plain: b"content"}).replace(plain.encode(), raw)
    assert found(tmp_path, data) == {name: b"content"}


def test_folders_and_links_are_no_images(tmp_path: Path) -> None:
    def fill(archive: zipfile.ZipFile) -> None:
        archive.writestr("folder.jpg/", b"")
        link = zipfile.ZipInfo("link.jpg")
        link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, b"a.jpg")
        archive.writestr("a.jpg", b"a")

    assert found(tmp_path, written(fill)) == {"a.jpg": b"a"}


def locked(data: bytes, most: int) -> bytes:
    """A zip of which so many members say that they are encrypted."""
    changed = bytearray(data)
    for mark, at in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        start = 0
        for _ in range(most):
            start = data.index(mark, start)
            changed[start + at] |= 1
            start += 4
    return bytes(changed)


def test_what_is_encrypted_is_denied(tmp_path: Path) -> None:
    data = locked(zip_bytes(IMAGES), 1)
    assert found(tmp_path, data) == {**IMAGES, "a.jpg": "denied"}


def test_other_methods_are_named(tmp_path: Path) -> None:
    assert found(tmp_path, zip_bytes(IMAGES, zipfile.ZIP_LZMA)) == dict.fromkeys(IMAGES, "corrupt")


def test_content_that_does_not_match_its_checksum_is_corrupt(tmp_path: Path) -> None:
    data = bytearray(zip_bytes(IMAGES, zipfile.ZIP_STORED))
    data[data.index(b"aaaa")] ^= 1
    assert found(tmp_path, bytes(data)) == {**IMAGES, "a.jpg": "corrupt"}


def entry(name: bytes, offset: int, size: int, stored: int, method: int = 8) -> bytes:
    return struct.pack(
        "<4s6H3L5H2L",
        b"PK\1\2", 20, 20, 0, method, 0, 0, 0, stored, size, len(name), 0, 0, 0, 0, 0, offset,
    ) + name  # fmt: skip


def header(name: bytes, packed: bytes, size: int) -> bytes:
    fields = (b"PK\3\4", 20, 0, 8, 0, 0, 0, len(packed), size, len(name), 0)
    return struct.pack("<4s5H3L2H", *fields) + name + packed


def archive_of(content: bytes, entries: list[bytes], count: int | None = None) -> bytes:
    directory = b"".join(entries)
    number = len(entries) if count is None else count
    return content + directory + struct.pack(
        "<4s4H2LH", b"PK\5\6", 0, 0, number, number, len(directory), len(content), 0
    )  # fmt: skip


PACKED = zlib.compress(bytes(10_000_000), 9)[2:-4]
ONE = header(b"a.jpg", PACKED, 10_000_000)
PLAIN = entry(b"a.jpg", 0, 10_000_000, len(PACKED))

REFUSED = {
    "overlapping members": archive_of(ONE, [PLAIN] * 1000),
    "members that overlap out of order": archive_of(
        ONE * 2, [entry(b"a.jpg", len(ONE), 1, len(PACKED)), PLAIN, PLAIN]
    ),
    "a member beyond the end": archive_of(ONE, [entry(b"a.jpg", 1 << 30, 1, 1)]),
    "a member longer than the archive": archive_of(ONE, [entry(b"a.jpg", 0, 1, 1 << 30)]),
    "more entries than there are": archive_of(ONE, [PLAIN], 2),
    "fewer entries than there are": archive_of(ONE, [PLAIN] * 2, 1),
    "65,535 entries in no bytes": archive_of(ONE, [], 65_535),
    "one of several": archive_of(ONE, [PLAIN])[:-18] + b"\1\0" + archive_of(ONE, [PLAIN])[-16:],
    "no zip": b"x" * 5000,
    "nothing": b"",
    "under a password": locked(zip_bytes(IMAGES), 2),
    "something behind": zip_bytes(IMAGES) + b"\r\n",
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_was_written_to_confuse_is_refused_in_words(tmp_path: Path, case: str) -> None:
    path = tmp_path / "s.zip"
    path.write_bytes(REFUSED[case])
    with pytest.raises(SourceError, match=r"^cannot list .*s\.zip: .*leave it out"):
        freeze(Job(sources=(str(path),)), tmp_path / "inputs")


@pytest.mark.parametrize(
    ("size", "kind"),
    [(1000, "corrupt"), (20_000_000, "corrupt"), (MAX_BYTES + 1, "too_large")],
    ids=["more than it says", "less than it says", "more than any image"],
)
def test_a_bomb_is_not_unpacked(tmp_path: Path, size: int, kind: str) -> None:
    data = archive_of(ONE, [entry(b"a.jpg", 0, size, len(PACKED))])
    assert found(tmp_path, data) == {"a.jpg": kind}
