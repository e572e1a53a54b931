"""Power may fail at any moment: nothing synced is lost, and the end is the same to the byte."""

import random
from pathlib import Path

import pytest

from batchcls.results.rundir import RunPaths
from tests.support.disk import SimDisk
from tests.support.numbered import Crash, End, Numbered, as_it_is, crash, ends_of
from tests.support.story import Story, as_file, lines, paths_in

DIRECTORY = Path("/jobs")
PATHS = paths_in(DIRECTORY)
COUNT = 40


def finished_disk() -> SimDisk:
    disk = SimDisk(DIRECTORY)
    assert Story(PATHS, disk, COUNT, every=7).session()
    return disk


def session(story: Story, second: bool) -> bool:
    return story.session_retry() if second else story.session()


def operations(start: SimDisk, *, second: bool) -> list[str]:
    counted = Numbered(start.after_kill(), as_it_is)
    session(Story(PATHS, counted, COUNT, every=7), second)
    return counted.names


def require_meaning(disk: SimDisk, paths: RunPaths, *, second: bool) -> None:
    """The final name means complete: the new results, or still the old ones."""
    final = disk.content(paths.results)
    new, old = as_file(lines(COUNT, retried=second)), as_file(lines(COUNT))
    assert final in ((new, old) if second else (new, None))


def lose_power(rng: random.Random, start: SimDisk, names: list[str], *, second: bool) -> None:
    disk, acknowledged, ends = start, 0, ends_of(names)
    for _ in range(rng.choice((1, 2, 2, 3))):
        at, how = rng.choice(ends)
        disk = disk.after_kill()
        story = Story(PATHS, Numbered(disk, End(at, how, crash)), COUNT, every=7)
        story.acknowledged = acknowledged
        try:
            session(story, second)
        except Crash:
            pass
        else:
            break  # a short rest had no such operation any more
        assert story.found >= acknowledged or story.found == 0
        acknowledged = max(acknowledged, story.acknowledged)
        # A kill before the power loss: what the killed one wrote need not be on the disk.
        disk = disk.after_power_loss(rng) if rng.random() < 0.6 else disk.after_kill()
        require_meaning(disk, PATHS, second=second)
    last = Story(PATHS, disk.after_kill(), COUNT, every=7)
    assert session(last, second)
    assert last.found >= acknowledged, "what was synced is gone"
    assert isinstance(last.storage, SimDisk)
    assert last.storage.content(PATHS.results) == as_file(lines(COUNT, retried=second))
    assert last.storage.content(PATHS.part) is None
    assert last.storage.open_files == 0


def many(seeds: range, *, second: bool) -> None:
    start = finished_disk() if second else SimDisk(DIRECTORY)
    names = operations(start, second=second)
    for seed in seeds:
        try:
            lose_power(random.Random(seed), start, names, second=second)
        except BaseException as error:
            error.add_note(f"seed {seed}, second generation: {second}")
            raise


@pytest.mark.runs
@pytest.mark.parametrize("second", [False, True])
def test_power_losses(second: bool) -> None:
    many(range(250), second=second)


@pytest.mark.faults
@pytest.mark.timeout(900)
@pytest.mark.parametrize("second", [False, True])
@pytest.mark.parametrize("part", range(11))
def test_many_power_losses(part: int, second: bool) -> None:
    print(f"seeds {1000 * part} to {1000 * part + 999}, second generation: {second}")
    many(range(1000 * part, 1000 * part + 1000), second=second)
