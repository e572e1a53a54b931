"""The disk is full or fails, at any operation: a clear stop, a whole record, no sync twice."""

import errno
import os
from pathlib import Path

import pytest

from batchcls.errors import BatchclsError, RefusedError, StoppedError
from batchcls.results.storage import PosixStorage
from tests.support.disk import SimDisk
from tests.support.numbered import ERRORS, Fail, Numbered, as_it_is
from tests.support.story import Story, as_file, lines, paths_in

DIRECTORY = Path("/jobs")
PATHS = paths_in(DIRECTORY)
COUNT = 60


def session(story: Story, second: bool) -> bool:
    return story.session_retry() if second else story.session()


def start(second: bool) -> SimDisk:
    disk = SimDisk(DIRECTORY)
    if second:
        Story(PATHS, disk, COUNT).session()
    return disk


def cases(second: bool) -> list[tuple[int, str, int, bool]]:
    counted = Numbered(start(second), as_it_is)
    session(Story(PATHS, counted, COUNT), second)
    return [
        (number, name, error, sticky)
        for number, name in enumerate(counted.names)
        for error in ERRORS
        if error or name == "pwrite"
        for sticky in (False, True)
    ]


def fail_at(number: int, error: int, sticky: bool, second: bool) -> None:
    disk = start(second)
    plan = Fail(number, error, sticky=sticky)
    story = Story(PATHS, Numbered(disk, plan), COUNT)
    try:
        assert session(story, second)
    except BatchclsError as stop:
        assert isinstance(stop, StoppedError)
        assert str(DIRECTORY) in str(stop)
        assert "run the same command again" in str(stop)
        assert stop.exit_code == 4
    else:
        # Nothing but a short write, or a close that came too late to matter, goes unmentioned.
        assert {name for name, _ in plan.failed} <= ({"close"} if error else {"pwrite"})
    assert plan.failed
    assert not plan.synced_after_failed_sync
    assert disk.open_files == 0 or any(name == "close" for name, _ in plan.failed)
    result = as_file(lines(COUNT, retried=second))
    part = disk.content(PATHS.part) or b""
    assert result.startswith(part)
    if not any(name == "ftruncate" for name, _ in plan.failed):
        assert part[-1:] in (b"", b"\n")
    last = Story(PATHS, disk.after_kill(), COUNT)
    assert session(last, second)
    assert last.found >= story.acknowledged
    assert isinstance(last.storage, SimDisk)
    assert last.storage.content(PATHS.results) == result


def fail_at_all(chosen: list[tuple[int, str, int, bool]], second: bool) -> None:
    for number, name, error, sticky in chosen:
        try:
            fail_at(number, error, sticky, second)
        except BaseException as problem:
            problem.add_note(f"operation {number} {name}, errno {error}, sticky {sticky}")
            raise


@pytest.mark.runs
@pytest.mark.parametrize("second", [False, True])
def test_failing_operations(second: bool) -> None:
    chosen = cases(second)
    assert len(chosen) >= 600
    fail_at_all(chosen[::5], second)


@pytest.mark.faults
@pytest.mark.timeout(600)
@pytest.mark.parametrize("second", [False, True])
def test_every_failing_operation(second: bool) -> None:
    chosen = cases(second)
    print(f"{len(chosen)} failures")
    fail_at_all(chosen, second)


class FullDevice(PosixStorage):
    """Writes to the results go to /dev/full."""

    def pwrite(self, fd: int, data: bytes | memoryview, offset: int) -> int:
        if not os.readlink(f"/proc/self/fd/{fd}").endswith(".part"):
            return super().pwrite(fd, data, offset)
        with open("/dev/full", "wb", buffering=0) as full:
            return full.write(data)


def test_dev_full(tmp_path: Path) -> None:
    paths = paths_in(tmp_path)
    with pytest.raises(
        StoppedError, match="disk full at line 1; free some space, then run the same"
    ):
        Story(paths, FullDevice(), COUNT).session()
    assert paths.part.read_bytes() == b""
    assert Story(paths, PosixStorage(), COUNT).session()
    assert paths.results.read_bytes() == as_file(lines(COUNT))


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (errno.ENOSPC, "disk full; free some space"),
        (errno.EDQUOT, "disk quota exceeded; free some space"),
        (errno.EFBIG, r"File too large; raise the limit of file sizes \(`ulimit -f`\), then run"),
        (errno.EMFILE, r"raise the limit of open files \(`ulimit -n`\), then run the same"),
        (errno.EIO, "Input/output error, but what is written is safe; check the disk"),
    ],
)
def test_each_error_has_its_words(error: int, words: str) -> None:
    plan = Fail(0, error, sticky=False)
    with pytest.raises(StoppedError, match=words):
        Story(PATHS, Numbered(SimDisk(DIRECTORY), plan), COUNT).session()


@pytest.mark.parametrize("error", [errno.EACCES, errno.EROFS, errno.EPERM])
def test_a_place_that_may_not_be_written_is_refused(error: int) -> None:
    def plan(number, name, act, args):  # type: ignore[no-untyped-def]  # a Plan
        if name == "mkdir":
            raise OSError(error, os.strerror(error))
        return act(*args)

    with pytest.raises(RefusedError, match="--output"):
        Story(PATHS, Numbered(SimDisk(DIRECTORY), plan), COUNT).session()


@pytest.mark.parametrize("error", [errno.EACCES, errno.EROFS, errno.EPERM])
def test_a_place_that_may_not_be_written_any_more_stops_the_run(error: int) -> None:
    """As where a failing disk is mounted read-only."""

    def plan(number, name, act, args):  # type: ignore[no-untyped-def]  # a Plan
        if name == "fdatasync":
            raise OSError(error, os.strerror(error))
        return act(*args)

    with pytest.raises(StoppedError, match="check the disk, then run the same command again"):
        Story(PATHS, Numbered(SimDisk(DIRECTORY), plan), COUNT).session()


def test_output_in_a_missing_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match=r"there is no directory \S+/missing; create it"):
        Story(paths_in(tmp_path / "missing"), PosixStorage(), COUNT).session()


def test_a_directory_as_output_is_refused(tmp_path: Path) -> None:
    paths = paths_in(tmp_path)
    paths.results.mkdir()
    with pytest.raises(RefusedError, match="is a directory; name a file, for example"):
        Story(paths, PosixStorage(), COUNT).session()
    assert os.listdir(tmp_path) == [paths.results.name]
