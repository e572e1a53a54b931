"""Containers listed by another process: the same lists, and words where it dies."""

import mmap
import os
import signal
import sys
import tarfile
from array import array
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from batchcls.backends.listing import ListingProcess, sample
from batchcls.errors import SourceError
from batchcls.job.job import Job
from batchcls.report.siblings import SiblingTruths
from batchcls.report.truth import Truth
from batchcls.sources import sample as samples
from batchcls.sources.containers.listing import OwnLister, look_at
from batchcls.sources.freezing import freeze
from batchcls.sources.walk import Notes
from batchcls.teach.examples import find
from tests.support.archives import pack

pytestmark = pytest.mark.runs

NAMES = ("*.jpg",)
IMAGES = {f"\udcff{n}.jpg": bytes([n]) for n in range(200)} | {"x.txt": b"", "._a.jpg": b""}


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
def lister(tmp_path: Path, notes: Notes) -> Iterator[ListingProcess]:
    with closing(ListingProcess(NAMES, (), notes, tmp_path / "log")) as lister:
        yield lister


def test_it_lists_what_this_process_would(
    tmp_path: Path, lister: ListingProcess, notes: Notes
) -> None:
    own_notes = Notes()
    own = OwnLister(NAMES, (), own_notes)
    for number in range(3):  # a shorter one after a longer one leaves nothing behind
        path = tmp_path / f"{number}.tar"
        pack(path, dict(list(IMAGES.items())[50 * number :]))
        container = look_at("tar", str(path))
        assert [*lister.members(container, number)] == [*own.members(container, number)]
    assert notes == own_notes
    assert (tmp_path / "log").read_bytes() == b""


def test_it_goes_on_after_a_container_that_was_refused(
    tmp_path: Path, lister: ListingProcess
) -> None:
    (tmp_path / "bad.tar").write_bytes(b"x" * 4096)
    with pytest.raises(SourceError, match=r"cannot list .*bad\.tar: not a tar archive"):
        [*lister.members(look_at("tar", str(tmp_path / "bad.tar")), 0)]
    pack(tmp_path / "good.tar", IMAGES)
    assert len([*lister.members(look_at("tar", str(tmp_path / "good.tar")), 0)]) == 200


def test_its_death_is_told_in_words(tmp_path: Path, lister: ListingProcess) -> None:
    pack(tmp_path / "a.tar", IMAGES)
    container = look_at("tar", str(tmp_path / "a.tar"))
    [*lister.members(container, 0)]
    assert lister._child is not None
    os.kill(lister._child._popen.pid, signal.SIGKILL)
    with pytest.raises(SourceError, match=r"a\.tar: it ended the process .* \(SIGKILL\)"):
        [*lister.members(container, 1)]
    assert len([*lister.members(container, 2)]) == 200  # another one takes its place


def test_the_death_of_the_process_is_no_picture_of_one_frame(
    tmp_path: Path, lister: ListingProcess
) -> None:
    (tmp_path / "a.gif").write_bytes(b"GIF89a")
    lister.members(look_at("frames", str(tmp_path / "a.gif")), 0).__next__()
    assert lister._child is not None
    os.kill(lister._child._popen.pid, signal.SIGKILL)
    job = Job(sources=(str(tmp_path / "a.gif"),), frames="all")
    with pytest.raises(SourceError, match=r"a\.gif: it ended the process"):
        freeze(job, tmp_path / "inputs", open_lister=lambda *_: lister)


def test_memory_that_it_asks_for_is_not_ours(tmp_path: Path, lister: ListingProcess) -> None:
    """A pax header that says it is a terabyte, in a file that has it (and no block of it)."""
    info = tarfile.TarInfo("a")
    info.type, info.size = tarfile.XHDTYPE, 1 << 40
    path = tmp_path / "a.tar"
    with path.open("wb") as file:
        file.write(info.tobuf(tarfile.GNU_FORMAT))
        file.truncate(1 << 41)
    with pytest.raises(SourceError, match="needs more memory than any list should"):
        [*lister.members(look_at("tar", str(path)), 0)]


def test_an_arrow_batch_of_any_usual_size_is_listed(tmp_path: Path, lister: ListingProcess) -> None:
    """A table that was saved in one piece is one batch, which is read whole."""
    pa = pytest.importorskip("pyarrow")
    count, size = 600, 1 << 20
    starts = pa.py_buffer(array("q", range(0, (count + 1) * size, size)))
    zeros = pa.py_buffer(mmap.mmap(-1, count * size))  # takes no memory as long as it is read
    column = pa.Array.from_buffers(pa.large_binary(), count, [None, starts, zeros])
    batch = pa.record_batch({"image": column})
    path = tmp_path / "a.arrow"
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, batch.schema) as table:
        table.write_batch(batch)
    assert len([*lister.members(look_at("arrow", str(path)), 0)]) == count
    path.unlink()


def test_no_command_that_looks_into_an_archive_dies_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The truth beside images and examples are listed where hostile archives may be, too."""
    pack(tmp_path / "a.tar", {"x/1.jpg": b"1", "y/2.jpg": b"2", "x/1.cls": b"7"})
    for reader in ("tar", "zip"):  # not in this process
        monkeypatch.setitem(sys.modules, f"batchcls.sources.containers.{reader}", None)
    truths = SiblingTruths(str(tmp_path), ListingProcess)
    assert truths.of("a.tar//x/1.jpg") == Truth(7, None)
    examples, labels = find(Job(sources=(str(tmp_path / "a.tar"),)), (), None, [], sample)
    assert labels == ("x", "y")
    assert len(examples) == 2


def test_a_sample_is_listed_by_another_process_too(tmp_path: Path) -> None:
    pack(tmp_path / "a.tar", IMAGES)
    job = Job(sources=(str(tmp_path / "a.tar"),), names=NAMES)
    assert sample(job, 4) == samples.sample(job, 4)
    (tmp_path / "a.tar").write_bytes(b"x" * 4096)
    with pytest.raises(SourceError, match="not a tar archive"):
        sample(job, 4)
