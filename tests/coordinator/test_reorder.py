"""The window gives back what it was given, in order, and packs it when it is very much."""

import random
import tracemalloc

import pytest

from batchcls.coordinator.policy import Policy
from batchcls.coordinator.reorder import OVERHEAD, ReorderBuffer
from batchcls.images import FailureKind, ImageRef, Prediction
from batchcls.messages import Answer
from batchcls.results import record

LABELS = [f"class {n}, of those that ImageNet knows" for n in range(1000)]


def free(index: int) -> bool:
    return False


def answer(index: int, chance: random.Random, top: int = 5) -> Answer:
    """A line as runs have it, of about 370 bytes."""
    image = ImageRef(index, f"d{index >> 10}/IMG_{chance.randrange(10**6)}.jpg")
    best = [
        Prediction(n, LABELS[n], round(chance.random(), 6))
        for n in (chance.randrange(1000) for _ in range(top))
    ]
    return Answer(index, record.ok_line(image, best), None, best[0].label)


@pytest.mark.parametrize("limit", [1, 24 * 300, 24 * 3000, 1 << 30])
@pytest.mark.parametrize("seed", range(5))
def test_what_is_kept_in_any_order_comes_out_in_order_and_unchanged(limit: int, seed: int) -> None:
    chance = random.Random(seed)
    window = ReorderBuffer(limit)
    kinds: list[FailureKind | None] = [None, "corrupt", "vanished"]
    given = [
        Answer(n, b"line %d \xff" % n, chance.choice(kinds), chance.choice([None, "a\n", "\ud800"]))
        for n in range(5, 400)
    ]
    # Nearly in order, as workers answer.
    arriving = sorted(given, key=lambda answer: answer.index + chance.uniform(0, 40))
    held_once: set[int] = set()

    def held(index: int) -> bool:
        """Every tenth line must wait once more when it is first asked for."""
        once = index % 10 == 0 and index not in held_once
        held_once.add(index)
        return once

    taken: list[Answer] = []
    for arrived in arriving:
        window.keep(arrived)
        taken += window.take(5 + len(taken), held)
    while len(taken) != len(given):
        taken += window.take(5 + len(taken), free)
    assert taken == given
    assert not window
    assert window.size == 0


def test_it_is_full_by_the_bytes_and_not_full_any_more_when_they_are_gone() -> None:
    line = OVERHEAD + 100
    window = ReorderBuffer(3 * line)
    for index in (9, 7, 5):  # each a pack of its own
        assert not window.full
        window.keep(Answer(index, random.Random(index).randbytes(90).hex().encode()))
    assert window.full
    assert [len(window.take(index, free)) for index in (5, 7)] == [1, 1]
    assert not window.full
    alone = ReorderBuffer(window.size)
    alone.keep(Answer(9, random.Random(9).randbytes(90).hex().encode()))
    assert (alone.size, alone.full) == (window.size, True), "from the limit on"


def test_where_the_next_line_is_held_it_begins() -> None:
    for limit in (1, 1 << 20):  # packed at once, and loose
        window = ReorderBuffer(limit)
        assert not window
        window.keep(Answer(7, b"line"))
        assert window
        assert window.begins(7)
        assert not window.begins(8)
        size = window.size
        assert window.take(7, lambda index: True) == ()
        assert window.begins(7)
        assert window.size == size, "and nothing is unpacked"


def test_in_everyday_work_nothing_is_packed() -> None:
    """However many lines pass by, as long as few wait."""
    window = ReorderBuffer(24 * 10 * (OVERHEAD + 10))
    for index in range(1000):
        window.keep(Answer(index, b"ten bytes!"))
        assert not window.packs
        assert len(window.take(index, free)) == 1


def test_what_was_unpacked_is_not_packed_again_for_each_line_that_comes() -> None:
    window = ReorderBuffer(24 * 10 * (OVERHEAD + 10))
    for index in range(11):
        window.keep(Answer(index, b"ten bytes!"))
    assert window.packs
    assert len(window.take(0, lambda index: index > 0)) == 1
    window.keep(Answer(11, b"ten bytes!"))
    assert not window.packs


@pytest.mark.runs
def test_loose_lines_take_about_what_it_says() -> None:
    chance = random.Random(1)
    for index in range(3000):
        answer(index, chance)  # what a record's making caches is not the window's
    window = ReorderBuffer(1 << 40)
    tracemalloc.start()
    for index in range(3000):
        window.keep(answer(index, chance))
    taken = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert 0.7 * window.size < taken < 1.1 * window.size


@pytest.mark.runs
def test_several_hundred_thousand_lines_wait_within_the_default_window() -> None:
    """What it takes, as tracemalloc sees it, is what it says; a part of it is measured."""
    limit = Policy().window // 48
    chance = random.Random(1)
    window = ReorderBuffer(limit)
    for index in range(3000):
        answer(index, chance)  # what a record's making caches is not the window's
    tracemalloc.start()
    count = 0
    while not window.full:
        window.keep(answer(count + 1, chance))
        count += 1
    taken = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert 48 * count > 500_000
    print(f"{48 * count} lines of 370 bytes; {taken / limit:.2f} of what it says")
    assert taken < 1.1 * limit


def test_what_came_in_another_order_is_packed_as_one_run() -> None:
    window = ReorderBuffer(24 * 10 * (OVERHEAD + 10))
    for index in reversed(range(11)):
        window.keep(Answer(index, b"ten bytes!"))
    assert window.packs == (0,)
