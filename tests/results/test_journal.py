"""The journal from its caller's side: what it takes, when it commits, what it notices."""

import errno
import os
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from batchcls.errors import RefusedError, StoppedError
from batchcls.results import journal as journals
from batchcls.results import mark as marks
from batchcls.results.journal import Journal
from batchcls.results.recovery import Identity
from batchcls.results.rundir import RunPaths, make_directory
from batchcls.results.storage import PosixStorage
from tests.support.numbered import Numbered, as_it_is
from tests.support.story import Story, as_file, line, lines, paths_in

COUNT = 20
STORAGE = PosixStorage()


@pytest.fixture
def paths(tmp_path: Path) -> RunPaths:
    paths = paths_in(tmp_path)
    make_directory(paths, STORAGE)
    return paths


@pytest.fixture
def counted() -> Numbered:
    return Numbered(STORAGE, as_it_is)


@pytest.fixture
def journal(paths: RunPaths, counted: Numbered) -> Iterator[Journal]:
    journal = Journal.open(paths, counted, COUNT, "run-1")
    yield journal
    journal.close()


def again(paths: RunPaths, run: str = "run-1", replaces: Identity | None = None) -> Journal:
    return Journal.open(paths, STORAGE, COUNT, run, replaces=replaces)


def test_lines_that_are_not_the_next_are_no_lines(journal: Journal) -> None:
    journal.append(0, [line(0), line(1)])
    for first, wrong in (
        (1, [line(1)]),
        (3, [line(3)]),
        (2, [line(3)]),
        (2, [line(2), line(2)]),
        (2, [line(2) + b"\n"]),
        (2, [line(2).replace(b"folder", b"fol\nder")]),
        (2, [line(2)[:-2]]),
        (2, [b""]),
        (2, [line(22)]),
        (2, lines(COUNT + 1)[2:]),
    ):
        with pytest.raises(ValueError):
            journal.append(first, wrong)
    assert journal.count == 2


def test_commit_after_so_many_records(journal: Journal, counted: Numbered) -> None:
    assert journals.EVERY_RECORDS == 1000
    journal.every_records = 5
    for k in range(13):
        journal.append(k, [line(k)])
        assert journal.identity.lines == journal.count - journal.count % 5
    assert counted.names.count("fdatasync") == 2


def test_commit_after_so_much_text(journal: Journal) -> None:
    long = line(0).replace(b"folder", b"x" * journals.MOST_PENDING)
    journal.append(0, [long])
    assert journal.identity.lines == 1


def test_the_first_lines_of_a_session_are_committed_at_once(
    journal: Journal, paths: RunPaths
) -> None:
    journal.tick(100.0)
    journal.append(0, lines(2))
    journal.tick(100.1)
    assert paths.part.read_bytes() == as_file(lines(2))


def test_commit_after_a_second(journal: Journal, paths: RunPaths) -> None:
    journal.append(0, [line(0)])
    journal.tick(100.0)
    journal.append(1, [line(1)])
    journal.tick(100.9)
    assert paths.part.read_bytes() == as_file(lines(1))
    journal.append(2, [line(2)])
    journal.tick(101.0)
    assert paths.part.read_bytes() == as_file(lines(3))
    journal.append(3, [line(3)])
    journal.tick(101.9)
    assert journal.identity.lines == 3
    journal.tick(102.0)
    assert journal.identity.lines == 4


def test_nothing_is_synced_without_need(journal: Journal, counted: Numbered) -> None:
    before = len(counted.names)
    journal.tick(1000.0)
    journal.commit()
    assert len(counted.names) == before


def test_each_commit_is_written_synced_and_marked_in_this_order(
    journal: Journal, counted: Numbered
) -> None:
    before = len(counted.names)
    journal.append(0, lines(7))
    journal.commit()
    done = [n for n in counted.names[before:] if not n.endswith("stat")]
    assert done == ["pwrite", "fdatasync", "pwrite"]


def test_failures_are_counted_by_kind_across_sessions(paths: RunPaths, journal: Journal) -> None:
    journal.append(0, lines(12))
    assert journal.failed == {"truncated": 2}
    journal.commit()
    journal.close()
    resumed = again(paths)
    assert (resumed.count, resumed.failed) == (12, {"truncated": 2})
    resumed.append(12, lines(COUNT)[12:])
    assert resumed.failed == {"truncated": 3}
    resumed.close()


def test_failures_are_counted_across_commits(journal: Journal, paths: RunPaths) -> None:
    for k in range(COUNT):
        journal.append(k, [line(k)])
        journal.commit()
    assert journal.failed == {"truncated": 3}
    journal.close()
    resumed = again(paths)
    assert resumed.failed == {"truncated": 3}
    resumed.close()


def test_a_mark_that_cannot_be_written_is_the_end(paths: RunPaths) -> None:
    class Failing(PosixStorage):
        failing = False

        def pwrite(self, fd: int, data: bytes | memoryview, offset: int) -> int:
            if self.failing and len(data) == marks.SLOT:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            return super().pwrite(fd, data, offset)

    storage = Failing()
    journal = Journal.open(paths, storage, COUNT, "run-1")
    journal.append(0, lines(7))
    storage.failing = True
    for _ in range(2):
        with pytest.raises(StoppedError, match="Input/output error"):
            journal.commit()
    journal.close()
    resumed = again(paths)
    assert resumed.count == 7, "they were synced, and are found without their mark"
    resumed.close()


def test_uncommitted_lines_are_counted_when_they_are_found(paths: RunPaths) -> None:
    again(paths).close()
    paths.part.write_bytes(as_file(lines(12)) + b"{")
    resumed = again(paths)
    assert (resumed.count, resumed.failed, resumed.dropped) == (12, {"truncated": 2}, 1)
    resumed.close()
    found = marks.read(STORAGE, paths.commit)
    assert found is not None
    assert found[0].count == 12, "from now on, damage there is refused"


def test_a_part_that_is_gone_is_said_to_be_gone(journal: Journal, paths: RunPaths) -> None:
    journal.append(0, lines(7))
    journal.commit()
    journal.close()
    paths.part.unlink()
    with pytest.raises(RefusedError, match="is missing, but 7 lines of it were on the disk"):
        again(paths)
    assert not paths.part.exists()


def test_more_records_than_images_are_of_another_job(journal: Journal, paths: RunPaths) -> None:
    journal.append(0, lines(7))
    journal.commit()
    journal.close()
    for expected in (0, 6):
        with pytest.raises(RefusedError, match="they belong to different runs"):
            Journal.open(paths, STORAGE, expected, "run-1")
    assert paths.part.read_bytes() == as_file(lines(7))


def test_finish_wants_every_line(journal: Journal, paths: RunPaths) -> None:
    journal.append(0, lines(COUNT)[:-1])
    with pytest.raises(ValueError):
        journal.finish()
    journal.append(COUNT - 1, [line(COUNT - 1)])
    journal.finish()
    journal.finish()
    assert journal.finished
    assert paths.results.read_bytes() == as_file(lines(COUNT))
    assert not paths.part.exists()
    with pytest.raises(ValueError):
        journal.append(COUNT, [line(COUNT)])
    resumed = again(paths)
    assert resumed.finished
    assert resumed.count == COUNT
    resumed.finish()


def test_no_descriptor_is_left_open(paths: RunPaths) -> None:
    before = len(os.listdir("/proc/self/fd"))
    again(paths).close()
    journal = again(paths)
    journal.append(0, lines(COUNT))
    journal.finish()
    paths.results.rename(paths.part)
    with pytest.raises(RefusedError):
        Journal.open(paths_in(paths.results.parent / "missing"), STORAGE, COUNT, "run-1")
    paths.results.write_bytes(b"somebody else's")
    with pytest.raises(RefusedError):
        again(paths)
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize("name", ["part", "commit"])
@pytest.mark.parametrize("how", ["removed", "replaced"])
def test_a_file_removed_or_replaced_underneath(
    journal: Journal, paths: RunPaths, name: str, how: str
) -> None:
    journal.append(0, lines(5))
    journal.commit()
    path: Path = getattr(paths, name)
    content = path.read_bytes()
    path.unlink()
    if how == "replaced":
        path.write_bytes(content)
    journal.append(5, [line(5)])
    error = RefusedError if how == "replaced" else StoppedError
    words = "was replaced while" if how == "replaced" else "is no longer there"
    for _ in range(2):
        with pytest.raises(error, match=rf"{path.name} {words}"):
            journal.commit()
    with pytest.raises(error):
        journal.append(6, [line(6)])


def test_a_part_that_was_moved_away_goes_on_when_it_is_back(
    journal: Journal, paths: RunPaths, tmp_path: Path
) -> None:
    journal.append(0, lines(5))
    journal.commit()
    paths.part.rename(tmp_path / "elsewhere")
    journal.append(5, [line(5)])
    with pytest.raises(StoppedError, match="put it back, then run the same command"):
        journal.commit()
    journal.close()
    (tmp_path / "elsewhere").rename(paths.part)
    assert again(paths).count == 5


def test_a_part_that_somebody_cuts_is_refused_at_once_and_by_the_next_command(
    journal: Journal, paths: RunPaths
) -> None:
    journal.append(0, lines(5))
    journal.commit()
    whole = paths.part.read_bytes()
    os.truncate(paths.part, 40)
    journal.append(5, [line(5)])
    with pytest.raises(RefusedError, match="restore it from a copy, or start over with `--fresh`"):
        journal.commit()
    journal.close()
    with pytest.raises(RefusedError):
        again(paths)
    paths.part.write_bytes(whole)
    assert again(paths).count == 5


def test_a_part_that_somebody_else_writes_to(journal: Journal, paths: RunPaths) -> None:
    journal.append(0, lines(5))
    journal.commit()
    with paths.part.open("ab") as file:
        file.write(line(5) + b"\n")
    journal.append(5, [line(5)])
    with pytest.raises(StoppedError, match="was changed by another program"):
        journal.commit()
    assert paths.part.read_bytes() == as_file(lines(6))
    journal.close()
    assert again(paths).count >= 5, "the same command goes on, as it was said"


def test_a_part_changed_in_place_is_noticed_before_the_end(
    journal: Journal, paths: RunPaths
) -> None:
    journal.append(0, lines(COUNT))
    journal.commit()
    data = bytearray(paths.part.read_bytes())
    data[40] ^= 1
    with paths.part.open("r+b") as file:
        file.write(data)
    with pytest.raises(RefusedError, match="does not hold what was written to it"):
        journal.finish()
    assert not paths.results.exists()


def test_results_of_somebody_else_are_never_replaced(journal: Journal, paths: RunPaths) -> None:
    journal.append(0, lines(COUNT))
    paths.results.write_bytes(b"precious")
    with pytest.raises(RefusedError, match=r"results\.jsonl exists and is not from this run"):
        journal.finish()
    with pytest.raises(RefusedError, match=r"results\.jsonl exists and is not from this run"):
        again(paths)
    assert paths.results.read_bytes() == b"precious"
    paths.results.unlink()
    resumed = again(paths)
    resumed.finish()
    assert paths.results.read_bytes() == as_file(lines(COUNT))


def test_results_that_appear_in_the_last_moment_are_not_replaced(paths: RunPaths) -> None:
    class Late(PosixStorage):
        def rename_new(self, old: Path, new: Path) -> None:
            new.write_bytes(b"precious")
            super().rename_new(old, new)

    journal = Journal.open(paths, Late(), COUNT, "run-1")
    journal.append(0, lines(COUNT))
    with pytest.raises(RefusedError, match="exists and is not from this run"):
        journal.finish()
    journal.close()
    assert paths.results.read_bytes() == b"precious"


def test_without_renameat2_nothing_is_replaced_either(
    paths: RunPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "batchcls.results.storage._renameat2", lambda: lambda old, new: errno.ENOSYS
    )
    paths.part.write_bytes(b"new")
    paths.results.write_bytes(b"old")
    with pytest.raises(FileExistsError):
        STORAGE.rename_new(paths.part, paths.results)
    paths.results.unlink()
    STORAGE.rename_new(paths.part, paths.results)
    assert paths.results.read_bytes() == b"new"


def test_a_new_generation_replaces_only_the_file_it_came_from(paths: RunPaths) -> None:
    old = as_file(lines(3))
    paths.results.write_bytes(b"x" * len(old))
    replaces = Identity(len(old), 3, zlib.crc32(old))
    journal = again(paths, replaces=replaces)
    journal.append(0, lines(COUNT))
    with pytest.raises(RefusedError, match="exists and is not from this run"):
        journal.finish()
    journal.close()
    paths.results.write_bytes(b"x")
    with pytest.raises(RefusedError, match="exists and is not from this run"):
        again(paths, replaces=replaces)
    paths.results.write_bytes(old)
    resumed = again(paths, replaces=replaces)
    resumed.finish()
    assert paths.results.read_bytes() == as_file(lines(COUNT))


def test_a_part_of_another_run_is_refused(paths: RunPaths, journal: Journal) -> None:
    journal.append(0, lines(5))
    journal.commit()
    journal.close()
    with pytest.raises(RefusedError, match="holds results of another run"):
        again(paths, "run-2")
    paths.commit.unlink()
    with pytest.raises(RefusedError, match="holds results of another run"):
        again(paths)
    assert paths.part.read_bytes() == as_file(lines(5))


@pytest.mark.parametrize("kind", ["link", "directory", "fifo"])
def test_a_part_that_is_no_plain_file_is_refused(paths: RunPaths, kind: str) -> None:
    if kind == "link":
        paths.part.symlink_to("/dev/null")
    elif kind == "directory":
        paths.part.mkdir()
    else:
        os.mkfifo(paths.part)
    with pytest.raises(RefusedError):
        again(paths)


def test_full_disk_is_said_with_its_record(paths: RunPaths) -> None:
    class Full(PosixStorage):
        full = False
        syncs = 0

        def pwrite(self, fd: int, data: bytes | memoryview, offset: int) -> int:
            if self.full and len(data) > 10:
                return super().pwrite(fd, data[: len(data) // 3], offset)
            if self.full:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return super().pwrite(fd, data, offset)

        def fdatasync(self, fd: int) -> None:
            self.syncs += 1
            super().fdatasync(fd)

    storage = Full()
    journal = Journal.open(paths, storage, COUNT, "run-1")
    journal.append(0, lines(7))
    journal.commit()
    storage.full = True
    journal.append(7, lines(12)[7:])
    for _ in range(2):
        with pytest.raises(
            StoppedError,
            match=r"results\.jsonl\.part: disk full at line 8; free some space, then run the same",
        ):
            journal.commit()
    assert paths.part.read_bytes() == as_file(lines(7))
    assert storage.syncs == 1
    journal.close()


def test_a_failed_sync_is_the_end_and_leaves_only_what_is_safe(paths: RunPaths) -> None:
    class Failing(PosixStorage):
        calls = 0

        def fdatasync(self, fd: int) -> None:
            self.calls += 1
            if self.calls == 2:
                raise OSError(errno.EIO, os.strerror(errno.EIO))

    storage = Failing()
    journal = Journal.open(paths, storage, COUNT, "run-1")
    journal.append(0, lines(7))
    journal.commit()
    journal.append(7, lines(12)[7:])
    for _ in range(3):
        with pytest.raises(StoppedError, match="Input/output error at line 8"):
            journal.commit()
    with pytest.raises(StoppedError):
        journal.finish()
    assert storage.calls == 2
    assert paths.part.read_bytes() == as_file(lines(7)), "what was not synced is not trusted"
    journal.close()


def test_marks_alternate_and_the_older_one_is_as_good(paths: RunPaths, journal: Journal) -> None:
    journal.append(0, lines(5))
    journal.commit()
    journal.append(5, lines(9)[5:])
    journal.commit()
    journal.close()
    data = paths.commit.read_bytes()
    assert len(data) == marks.APART + marks.SLOT
    both = [marks.from_slot(data[: marks.SLOT]), marks.from_slot(data[marks.APART :])]
    assert sorted(m.count for m in both if m) == [5, 9]
    newest = max(range(2), key=lambda n: both[n].seq if both[n] else 0)  # type: ignore[union-attr]
    torn = bytearray(data)
    torn[newest * marks.APART + 30] ^= 1
    paths.commit.write_bytes(torn)
    resumed = again(paths)
    assert resumed.count == 9
    resumed.append(9, lines(COUNT)[9:])
    resumed.finish()
    assert paths.results.read_bytes() == as_file(lines(COUNT))


def test_the_newest_mark_is_never_the_one_that_is_overwritten(paths: RunPaths) -> None:
    for session in range(3):
        journal = again(paths)
        for k in range(2 * session, 2 * session + 2):
            before = marks.read(STORAGE, paths.commit)
            journal.append(k, [line(k)])
            journal.commit()
            data = paths.commit.read_bytes()
            both = marks.from_slot(data[: marks.SLOT]), marks.from_slot(data[marks.APART :])
            assert before is not None
            assert before[0] in both
        journal.close()


def test_a_mark_fits_its_slot_however_large_the_numbers() -> None:
    huge = marks.Mark("f" * 32, 10**9, 10**13, 10**10, 2**32 - 1, "complete",
                      dict.fromkeys(marks.KINDS, 10**10))  # fmt: skip
    assert marks.from_slot(huge.to_slot()) == huge


def test_an_undisturbed_run_ends_with_a_tidy_directory(tmp_path: Path) -> None:
    paths = paths_in(tmp_path)
    assert Story(paths, STORAGE, COUNT).session()
    assert sorted(os.listdir(tmp_path)) == ["results.jsonl", "results.jsonl.job"]
    assert sorted(os.listdir(paths.directory)) == ["commit", "inputs", "lock", "manifest.json"]
    assert Story(paths, STORAGE, COUNT).session_retry()
    assert sorted(os.listdir(paths.directory)) == ["commit", "inputs", "lock", "manifest.json"]
    assert paths.results.read_bytes() == as_file(lines(COUNT, retried=True))


FIRST = 5


def of_a_shard(paths: RunPaths, count: int = 10) -> Journal:
    return Journal.open(paths, STORAGE, count, "run-1", first=FIRST)


def test_the_lines_of_a_shard_begin_at_its_first_image(paths: RunPaths) -> None:
    journal = of_a_shard(paths)
    assert (journal.count, journal.next) == (0, FIRST)
    for first, wrong in ((0, lines(1)), (FIRST, lines(1)), (FIRST, lines(20)[FIRST:16])):
        with pytest.raises(ValueError, match=r"do not belong|not the record"):
            journal.append(first, wrong)
    journal.append(FIRST, lines(8)[FIRST:])
    journal.commit()
    journal.append(8, lines(15)[8:])
    assert (journal.count, journal.next) == (10, 15)
    journal.finish()
    assert paths.results.read_bytes() == as_file(lines(15)[FIRST:])
    assert of_a_shard(paths).finished


def test_a_shard_is_resumed_behind_its_last_good_line(paths: RunPaths) -> None:
    journal = of_a_shard(paths)
    journal.append(FIRST, lines(8)[FIRST:])
    journal.commit()
    journal.close()
    with paths.part.open("ab") as file:  # written, and not marked
        file.write(as_file(lines(10)[8:]) + as_file(lines(3)))
    journal = of_a_shard(paths)
    assert (journal.count, journal.next) == (5, 10)
    assert journal.dropped == len(as_file(lines(3)))
    journal.take_back(2)
    assert (journal.count, journal.next) == (2, 7)
    assert paths.part.read_bytes() == as_file(lines(7)[FIRST:])
    journal.append(7, lines(15)[7:])
    journal.finish()
    assert paths.results.read_bytes() == as_file(lines(15)[FIRST:])


@pytest.mark.parametrize("finished", [False, True])
def test_the_place_of_damage_in_a_shard_is_its_own(paths: RunPaths, finished: bool) -> None:
    journal = of_a_shard(paths, 3)
    journal.append(FIRST, lines(8)[FIRST:])
    journal.commit()
    if finished:
        journal.finish()
    journal.close()
    path = paths.results if finished else paths.part
    content = path.read_bytes()
    damaged = content.replace(b'{"i":6,', b'{"i":9,')
    path.write_bytes(damaged)
    at = content.index(b'{"i":6,')
    with pytest.raises(RefusedError, match=f"line 2, at byte {at}, is not what was written"):
        of_a_shard(paths, 3)
