"""What tars can hold besides files, and headers that were written to confuse."""

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from batchcls.errors import SourceError
from batchcls.job.job import Job
from batchcls.sources.freezing import freeze
from batchcls.sources.inputs import InputsList
from tests.support.archives import tar_bytes

ADD = Callable[..., None]
LONG = "long/" * 60 + "x.jpg"


def listed(tmp_path: Path, data: bytes, name: str = "s.tar") -> tuple[InputsList, list[str]]:
    path = tmp_path / name
    path.write_bytes(data)
    found = freeze(Job(sources=(str(path),)), tmp_path / "inputs")
    names = (tmp_path / "inputs").read_bytes().decode(errors="surrogateescape").split("\0")
    return found, [one.removeprefix(f"{path}//") for one in names[:-1]]


def written(fill: Callable[[tarfile.TarFile], None], form: int = tarfile.PAX_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form, errors="surrogateescape") as tar:
        fill(tar)
    return buffer.getvalue()


def member(tar: tarfile.TarFile, name: str, content: bytes = b"x", **fields: object) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for key, value in fields.items():
        setattr(info, key, value)
    tar.addfile(info, io.BytesIO(content))


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
@pytest.mark.parametrize(
    "name", [LONG, "ü.jpg", "\udcff.jpg", "./a.jpg", "a//b.jpg", "x" * 99 + ".jpg"]
)
def test_names_of_any_length_and_encoding(tmp_path: Path, form: int, name: str) -> None:
    _, names = listed(tmp_path, written(lambda tar: member(tar, name), form))
    assert names == [name]


def test_links_folders_and_devices_are_no_images(tmp_path: Path) -> None:
    def fill(tar: tarfile.TarFile) -> None:
        member(tar, "a.jpg")
        member(tar, "hard.jpg", b"", type=tarfile.LNKTYPE, linkname="a.jpg")
        member(tar, "soft.jpg", b"", type=tarfile.SYMTYPE, linkname="a.jpg")
        member(tar, "soft.txt", b"", type=tarfile.SYMTYPE, linkname="a.jpg")
        member(tar, "folder.jpg", b"", type=tarfile.DIRTYPE)
        member(tar, "fifo.jpg", b"", type=tarfile.FIFOTYPE)
        member(tar, "b.jpg")

    found, names = listed(tmp_path, written(fill))
    assert names == ["a.jpg", "b.jpg"]
    assert found.skipped[1:] == (
        f"{tmp_path}/s.tar: links to other members are left out (2)",
        f"{tmp_path}/s.tar: members that are no plain files are left out (1)",
    )


def test_a_size_that_leads_into_the_next_members_is_refused(tmp_path: Path) -> None:
    def fill(tar: tarfile.TarFile) -> None:
        member(tar, "a.jpg", pax_headers={"GNU.sparse.realsize": "2000"})
        member(tar, "b.jpg", b"b" * 3000)

    with pytest.raises(SourceError, match="gives an impossible size"):
        listed(tmp_path, written(fill))


def test_tars_behind_one_another_are_all_listed(tmp_path: Path) -> None:
    data = b"".join(tar_bytes({f"{n}.jpg": b"x"}) for n in range(3))
    assert listed(tmp_path, data)[1] == ["0.jpg", "1.jpg", "2.jpg"]


def test_a_damaged_header_is_not_the_end(tmp_path: Path) -> None:
    data = bytearray(tar_bytes({"a.jpg": b"x", "b.jpg": b"y", "c.jpg": b"z"}))
    data[1024] ^= 1
    with pytest.raises(SourceError, match="the header at byte 1,024 is damaged"):
        listed(tmp_path, bytes(data))


@pytest.mark.parametrize("at", [512, 1024, 1536, 2560])
def test_a_tar_without_its_end_is_not_whole(tmp_path: Path, at: int) -> None:
    data = tar_bytes({"a.jpg": b"x" * 600, "b.jpg": b"y"})
    with pytest.raises(SourceError, match="it ends early"):
        listed(tmp_path, data[:at])


def negative_size() -> bytes:
    info = tarfile.TarInfo("a.jpg")
    data = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    data[124:136] = b"\xff" * 10 + b"\xfc\x00"
    data[148:156] = b" " * 8
    data[148:156] = b"%06o\0 " % sum(data)
    return bytes(data) + bytes(10240)


def endless_names() -> bytes:
    """Long name after long name, each for the next."""
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 5
    return (info.tobuf(tarfile.GNU_FORMAT) + b"a.jpg".ljust(512, b"\0")) * 5000 + bytes(1024)


def sized(size: int, kind: bytes) -> bytes:
    info = tarfile.TarInfo("a.jpg")
    info.size, info.type = size, kind
    return info.tobuf(tarfile.GNU_FORMAT) + bytes(10240)


HOSTILE = {
    "negative size": negative_size(),
    "endless long names": endless_names(),
    "a member of 8 EiB": sized((1 << 63) - 1, tarfile.REGTYPE),
    "a long name of 8 EiB": sized((1 << 63) - 1, tarfile.GNUTYPE_LONGNAME),
    "a pax header of 8 EiB": sized((1 << 63) - 1, tarfile.XHDTYPE),
    "a sparse file of 8 EiB": sized((1 << 63) - 1, tarfile.GNUTYPE_SPARSE),
    "no tar": b"x" * 10240,
    "nothing": b"",
    "gzip": b"\x1f\x8b\x08" + b"x" * 2000,
}


@pytest.mark.parametrize("case", HOSTILE)
def test_what_was_written_to_confuse_is_refused_in_words(tmp_path: Path, case: str) -> None:
    with pytest.raises(SourceError, match=r"^cannot list .*s\.tar: .*leave it out"):
        listed(tmp_path, HOSTILE[case])


def test_an_empty_tar_has_no_images(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no images found"):
        listed(tmp_path, bytes(10240))


@pytest.mark.parametrize("name", ["a.tar.gz", "a.TGZ", "a.tar.zst"])
def test_compressed_tars_are_refused_with_advice(tmp_path: Path, name: str) -> None:
    with pytest.raises(SourceError, match=r"unpack it to a \.tar first"):
        listed(tmp_path, b"", name)


def test_compressed_tars_in_a_folder_are_named_with_advice(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in ("a.jpg", "a.tar.gz", "b.tar.gz", "n.txt"):
        (tmp_path / "in" / name).write_bytes(b"x")
    found = freeze(Job(sources=(str(tmp_path / "in"),)), tmp_path / "inputs")
    (told,) = found.skipped
    assert told.startswith("left out by name: 2 .tar.gz, 1 .txt (see `--names`); .tar.gz can only")
