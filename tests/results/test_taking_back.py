"""Lines that turn out wrong are taken back, wherever a crash or a power loss comes between."""

import random
from pathlib import Path

import pytest

from batchcls.images import ImageRef, Prediction
from batchcls.results import record
from batchcls.results.journal import Journal
from batchcls.results.storage import Storage
from tests.support.disk import SimDisk
from tests.support.numbered import Crash, End, Numbered, as_it_is, crash, ends_of
from tests.support.story import Story, as_file, lines, manifest, name, paths_in

DIRECTORY = Path("/jobs")
PATHS = paths_in(DIRECTORY)
COUNT = 12
RIGHT = 5


def wrong(index: int) -> bytes:
    return record.ok_line(ImageRef(index, name(index)), [Prediction(4, "wrong", 0.99)])


def opened(storage: Storage) -> Journal:
    return Journal.open(PATHS, storage, COUNT, manifest(COUNT).run)


@pytest.fixture(scope="module")
def labelled() -> SimDisk:
    """The first lines are right, the next three are not."""
    disk = SimDisk(DIRECTORY)
    Story(PATHS, disk, COUNT).session(until=RIGHT)
    journal = opened(disk)
    journal.append(RIGHT, [wrong(RIGHT + k) for k in range(3)])
    journal.commit()
    journal.close()
    return disk


@pytest.mark.parametrize("count", [0, 1, RIGHT])
def test_what_was_taken_back_is_done_again(labelled: SimDisk, count: int) -> None:
    disk = labelled.after_kill()
    journal = opened(disk)
    journal.append(RIGHT + 3, [wrong(RIGHT + 3)])  # not even committed
    journal.take_back(count)
    assert journal.count == count
    assert disk.content(PATHS.part) == as_file(lines(count))
    journal.append(count, lines(RIGHT)[count:])
    journal.commit()
    journal.close()
    story = Story(PATHS, disk, COUNT)
    assert story.session()
    assert story.found == RIGHT
    assert disk.content(PATHS.results) == as_file(lines(COUNT))


def test_nothing_is_taken_back_that_is_not_there(labelled: SimDisk) -> None:
    disk = Numbered(labelled.after_kill(), as_it_is)
    journal = opened(disk)
    before = len(disk.names)
    journal.take_back(RIGHT + 3)
    assert disk.names[before:] == []
    journal.close()


def test_power_fails_anywhere_in_it(labelled: SimDisk) -> None:
    counted = Numbered(labelled.after_kill(), as_it_is)
    journal = opened(counted)
    before = len(counted.names)
    journal.take_back(RIGHT)
    ends = [end for end in ends_of(counted.names) if end[0] >= before]
    assert len(ends) > 10
    marked = max(n for n, operation in enumerate(counted.names) if operation == "fdatasync")
    begun = 0
    for at, how in ends:
        for seed in range(30):
            disk = labelled.after_kill()
            journal = opened(Numbered(disk, End(at, how, crash)))
            with pytest.raises(Crash):
                journal.take_back(RIGHT)
            chance = random.Random(seed)
            disk = disk.after_power_loss(chance) if seed else disk.after_kill()
            story = Story(PATHS, disk, COUNT)
            story.session(until=0)
            assert story.found in (RIGHT, RIGHT + 3), "all of it, or as if it had not begun"
            assert story.found == RIGHT or at <= marked, "its mark is on the disk"
            begun += story.found == RIGHT
            if story.found == RIGHT:
                again = Story(PATHS, disk, COUNT)
                assert again.session()
                assert disk.content(PATHS.results) == as_file(lines(COUNT))
    assert begun > len(ends)
