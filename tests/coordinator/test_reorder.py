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
    window.next = 5
    kinds: list[FailureKind | None] = [None, "corrupt", "vanished"]
    given = [
        Answer(n, b"line %d \xff" % n, chance.choice(kinds), chance.choice([None, "a\n", "\ud800"]))
        for n in range(5, 400)
    ]
    # Nearly in order, as workers answer.
    arriving = sorted(given, key=lambda answer: answer.index + chance.uniform(0, 40))
    taken: list[Answer] = []
    for arrived in arriving:
        window.keep(arrived)
        taken += window.take()
    while len(taken) != len(given):
        taken += window.take()
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
    for window.next in (5, 7):
        assert len(window.take()) == 1
    assert not window.full
    alone = ReorderBuffer(window.size)
    alone.keep(Answer(9, random.Random(9).randbytes(90).hex().encode()))
    assert (alone.size, alone.full) == (window.size, True), "from the limit on"


def test_the_next_line_is_due_when_it_is_there() -> None:
    for limit in (1, 1 << 20):  # packed at once, and loose
        window = ReorderBuffer(limit)
        window.next = 6
        assert not window
        window.keep(Answer(7, b"line"))
        assert window
        assert not window.due
        assert window.take() == ()
        window.next = 7
        assert window.due


class Kept:
    """A file in memory; full when `room` packs are there."""

    def __init__(self, room: int = 1000) -> None:
        self.packs: dict[int, bytes] = {}
        self.room = room

    def put(self, data: bytes) -> int | None:
        if len(self.packs) == self.room:
            return None
        place = 1000 * len(self.packs)
        self.packs[place] = data
        return place

    def take(self, place: int, size: int) -> bytes:
        assert len(self.packs[place]) == size
        return self.packs.pop(place)


def test_packs_past_half_of_the_memory_are_kept_elsewhere_and_come_back() -> None:
    kept, line = Kept(), OVERHEAD + 100
    window = ReorderBuffer(4 * line, lambda: kept)
    given = [
        Answer(index, random.Random(index).randbytes(90).hex().encode())
        for index in range(1, 19, 2)
    ]
    for answer in given:  # each a pack of its own
        window.keep(answer)
    assert len(kept.packs) == 7, "the first two, a bit more than half of it, stay in memory"
    assert window.size < 4 * line + len(kept.packs) * OVERHEAD
    for answer in given:
        window.next = answer.index
        assert window.take() == (answer,)
    assert window.size == 0
    assert not kept.packs
    assert not window


def test_where_nothing_can_be_kept_elsewhere_it_fills_as_if_there_were_nothing() -> None:
    with_full, without = (
        ReorderBuffer(3 * (OVERHEAD + 100), spill) for spill in (lambda: Kept(room=0), None)
    )
    for index in range(1, 9, 2):
        for window in (with_full, without):
            window.keep(Answer(index, random.Random(index).randbytes(90).hex().encode()))
    assert with_full.size == without.size
    assert with_full.full


def test_in_everyday_work_nothing_is_packed() -> None:
    """However many lines pass by, as long as few wait."""
    window = ReorderBuffer(24 * 10 * (OVERHEAD + 10))
    for index in range(1000):
        window.keep(Answer(index, b"ten bytes!"))
        assert not window.packs
        assert len(window.take()) == 1


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
