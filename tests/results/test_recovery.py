"""Recovery: every cut and every kind of torn tail; crashes in it, and again in the next."""

import random
from dataclasses import replace
from pathlib import Path

import pytest

from batchcls.errors import RefusedError
from batchcls.results import mark as marks
from batchcls.results.journal import Journal
from batchcls.results.mark import Mark
from batchcls.results.recovery import require_finished
from tests.support.disk import SimDisk
from tests.support.numbered import Crash, End, Numbered, as_it_is, crash, ends_of
from tests.support.story import Story, as_file, line, lines, paths_in

DIRECTORY = Path("/jobs")
PATHS = paths_in(DIRECTORY)
COUNT = 6
MARKED = 2

TAILS = {
    "nothing": b"",
    "newline": b"\n",
    "blank lines": b"\n\n\n",
    "zeros": b"\0" * 600,
    "junk": bytes(range(256)),
    "an earlier line": line(1) + b"\n",
    "a line without its end": line(COUNT - 1)[:-1],
    "not its index": line(COUNT + 5) + b"\n",
    "NaN": b'{"i":2,"path":"a","top":[{"index":0,"label":"x","score":NaN}]}\n',
    "another key": line(2)[:-1] + b',"worker":1}\n',
    "a line with spaces": line(2).replace(b",", b", ") + b"\n",
    "not UTF-8": b'{"i":2,"path":"\xff","error":{"kind":"empty","message":""}}\n',
}


@pytest.fixture(scope="module")
def begun() -> SimDisk:
    disk = SimDisk(DIRECTORY)
    Story(PATHS, disk, COUNT).session(until=MARKED)
    return disk


@pytest.mark.runs
@pytest.mark.parametrize("tail", TAILS)
def test_every_cut(begun: SimDisk, tail: str) -> None:
    result = as_file(lines(COUNT))
    marked = len(as_file(lines(MARKED)))
    for cut in range(len(result) + 1):
        disk = begun.after_kill()
        content = result[:cut] + TAILS[tail]
        disk.replace_content(PATHS.part, content)
        good = 0
        while content.startswith(result[: len(as_file(lines(good + 1)))]) and good < COUNT:
            good += 1
        story = Story(PATHS, disk, COUNT)
        if not content.startswith(result[:marked]):
            with pytest.raises(RefusedError, match=r"results\.jsonl\.part is damaged"):
                story.session(until=0)
            assert disk.content(PATHS.part) == content, "what is refused is left alone"
            continue
        story.session(until=0)
        assert story.found == good
        assert disk.content(PATHS.part) == as_file(lines(good))
        assert story.dropped == len(content) - len(as_file(lines(good)))


def test_more_lines_than_images_are_dropped(begun: SimDisk) -> None:
    disk = begun.after_kill()
    disk.replace_content(PATHS.part, as_file(lines(COUNT + 3)))
    story = Story(PATHS, disk, COUNT)
    assert story.session()
    assert story.found == COUNT
    assert disk.content(PATHS.results) == as_file(lines(COUNT))


def test_a_line_must_be_more_than_a_record_where_more_is_known(begun: SimDisk) -> None:
    disk = begun.after_kill()
    disk.replace_content(PATHS.part, as_file(lines(COUNT)))
    journal = Journal.open(
        PATHS, disk, COUNT, "run-1", fits=lambda line, index: line != lines(COUNT)[4]
    )
    assert journal.count == 4
    assert disk.content(PATHS.part) == as_file(lines(4))


@pytest.fixture
def finished() -> SimDisk:
    disk = SimDisk(DIRECTORY)
    Story(PATHS, disk, COUNT).session()
    return disk


def complete_mark(disk: SimDisk) -> Mark:
    found = marks.read(disk, PATHS.commit)
    assert found is not None
    return found[0]


def test_a_finished_file_is_read_only_where_its_time_does_not_tell(finished: SimDisk) -> None:
    mark = complete_mark(finished)
    storage = Numbered(finished, as_it_is)
    require_finished(storage, PATHS.results, mark)
    assert storage.names == ["stat"]
    for time in (mark.mtime_ns + 1, 0):
        require_finished(storage, PATHS.results, replace(mark, mtime_ns=time))
        assert "pread" in storage.names
        storage.names.clear()


@pytest.mark.parametrize("time", [1, 7_000_000_000])
@pytest.mark.parametrize("change", [b"x", b""], ids=["longer", "another"])
def test_a_finished_file_that_was_changed_is_refused(
    finished: SimDisk, change: bytes, time: int
) -> None:
    mark = replace(complete_mark(finished), mtime_ns=time)
    content = as_file(lines(COUNT))
    damaged = content + change if change else content.replace(b"label 2", b"label 3")
    finished.replace_content(PATHS.results, damaged)
    finished.names[PATHS.results].mtime_ns = time if time > 1 else 2
    with pytest.raises(RefusedError, match=r"results\.jsonl is damaged"):
        require_finished(finished, PATHS.results, mark)


def test_a_line_without_end_takes_bounded_memory(begun: SimDisk) -> None:
    disk = begun.after_kill()
    disk.replace_content(PATHS.part, as_file(lines(MARKED)) + b"x" * (40 << 20))
    read = 0

    def plan(number, name, act, args):  # type: ignore[no-untyped-def]  # a Plan
        nonlocal read
        result = act(*args)
        read += len(result) if name == "pread" else 0
        return result

    story = Story(PATHS, Numbered(disk, plan), COUNT)
    story.session(until=0)
    assert story.found == MARKED
    assert read < 8 << 20


def crashed(rng: random.Random, *, second: bool) -> SimDisk:
    """A disk after a crash at a random moment, with or without a power loss."""
    disk = SimDisk(DIRECTORY)
    if second:
        Story(PATHS, disk, COUNT, every=2).session()
    counted = Numbered(disk.after_kill(), as_it_is)
    session(Story(PATHS, counted, COUNT, every=2), second)
    at, how = rng.choice(ends_of(counted.names))
    end_there(disk, at, how, second=second)
    return after(rng, disk)


def session(story: Story, second: bool) -> bool:
    return story.session_retry() if second else story.session()


def end_there(disk: SimDisk, at: int, how: str, *, second: bool) -> None:
    try:
        session(Story(PATHS, Numbered(disk, End(at, how, crash)), COUNT, every=2), second)
    except Crash:
        return
    raise AssertionError(f"no operation {at}")


def after(rng: random.Random, disk: SimDisk) -> SimDisk:
    return disk.after_power_loss(rng) if rng.random() < 0.5 else disk.after_kill()


def contents(disk: SimDisk) -> dict[Path, bytes]:
    return {p: bytes(i.current) for p, i in disk.names.items() if p != PATHS.lock}


def crash_in_recovery(rng: random.Random, *, second: bool) -> int:
    state = crashed(rng, second=second)
    counted = Numbered(state.after_kill(), as_it_is)
    session(Story(PATHS, counted, COUNT, every=2), second)
    points = ends_of(counted.names)
    for at, how in points:
        disk = state.after_kill()
        end_there(disk, at, how, second=second)
        disk = after(rng, disk)
        # And again in the next.
        again = Numbered(disk.after_kill(), as_it_is)
        session(Story(PATHS, again, COUNT, every=2), second)
        end_there(disk, *rng.choice(ends_of(again.names)), second=second)
        disk = after(rng, disk)
        recover(disk, second)
        before = contents(disk)
        writes = recover(disk, second)
        assert contents(disk) == before, "a second recovery changes nothing"
        assert not writes & {"rename", "rename_new", "unlink"}
        assert session(Story(PATHS, disk, COUNT, every=2), second)
        assert disk.content(PATHS.results) == as_file(lines(COUNT, retried=second))
    return len(points)


def recover(disk: SimDisk, second: bool) -> set[str]:
    """Begin or resume, and write no line; what operations that took."""
    counted = Numbered(disk, as_it_is)
    story = Story(PATHS, counted, COUNT, every=2)
    story.recover_only(second=second)
    return set(counted.names)


def crash_often(seeds: range, *, second: bool) -> int:
    points = 0
    for seed in seeds:
        try:
            points += crash_in_recovery(random.Random(seed), second=second)
        except BaseException as error:
            error.add_note(f"seed {seed}, second generation: {second}")
            raise
    return points


@pytest.mark.runs
@pytest.mark.parametrize("second", [False, True])
def test_crash_in_recovery_and_in_the_next(second: bool) -> None:
    assert crash_often(range(2), second=second) > 100


def unplug_after_a_kill(stride: int, *, second: bool) -> int:
    """A kill anywhere in a run; then, anywhere in the recovery, the power fails.

    What the killed one wrote is seen by the recovery, but need not be on the disk.
    """
    start = SimDisk(DIRECTORY)
    if second:
        Story(PATHS, start, COUNT, every=2).session()
    counted = Numbered(start.after_kill(), as_it_is)
    session(Story(PATHS, counted, COUNT, every=2), second)
    tried = 0
    for at in range(0, len(counted.names), stride):
        killed = start.after_kill()
        end_there(killed, at, "after", second=second)
        again = Numbered(killed.after_kill(), as_it_is)
        Story(PATHS, again, COUNT, every=2).recover_only(second=second)
        for then in range(len(again.names)):
            disk = killed.after_kill()
            end_there(disk, then, "after", second=second)
            for seed in range(2):
                lost = disk.after_power_loss(random.Random(seed))
                tried += 1
                try:
                    assert session(Story(PATHS, lost, COUNT, every=2), second)
                except BaseException as error:
                    error.add_note(f"killed after {at}, unplugged after {then}, seed {seed}")
                    raise
                assert lost.content(PATHS.results) == as_file(lines(COUNT, retried=second))
    return tried


@pytest.mark.runs
@pytest.mark.parametrize("second", [False, True])
def test_power_fails_in_the_recovery_after_a_kill(second: bool) -> None:
    assert unplug_after_a_kill(4, second=second) > 1000


@pytest.mark.faults
@pytest.mark.timeout(300)
@pytest.mark.parametrize("second", [False, True])
def test_power_fails_anywhere_in_the_recovery_after_a_kill(second: bool) -> None:
    print(f"{unplug_after_a_kill(1, second=second)} states")


@pytest.mark.faults
@pytest.mark.timeout(300)
@pytest.mark.parametrize("second", [False, True])
@pytest.mark.parametrize("part", range(5))
def test_crash_in_many_recoveries_and_in_the_next(part: int, second: bool) -> None:
    seeds = range(100 + 10 * part, 110 + 10 * part)
    print(f"{seeds}: {crash_often(seeds, second=second)} crashes in recovery")
