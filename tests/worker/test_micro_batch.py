"""A turn is as long as caches like it, and no longer than the others can wait."""

from hypothesis import given
from hypothesis import strategies as st

from batchcls.worker.micro_batch import TURN_S, Turns


def grown(per_image_s: float, capacity: int = 16, batch_size: int = 1) -> int:
    turns = Turns(capacity, batch_size)
    for _ in range(20):
        turns.inferred(turns.size, turns.size * per_image_s)
    return turns.size


def test_a_fast_model_fills_all_requests_and_a_slow_one_takes_image_by_image() -> None:
    assert grown(TURN_S / 1000) == 16
    assert grown(TURN_S / 5) == 5
    assert grown(TURN_S * 3) == 1


def test_it_begins_small_and_doubles_at_most() -> None:
    turns = Turns(16, 1)
    sizes = [turns.size]
    for _ in range(5):
        turns.inferred(turns.size, 0.0)
        sizes.append(turns.size)
    assert sizes == [2, 4, 8, 16, 16, 16]


def test_a_model_that_has_become_slow_gets_shorter_turns() -> None:
    turns = Turns(16, 1)
    for _ in range(5):
        turns.inferred(turns.size, 0.0)
    turns.inferred(16, 16 * TURN_S)
    assert turns.size == 1


@given(
    st.integers(1, 8),
    st.integers(1, 40),
    st.lists(st.tuples(st.integers(1, 99), st.floats(0, 9)), max_size=20),
)
def test_turns_are_whole_batches_for_which_there_are_requests(
    batch_size: int, requests: int, seen: list[tuple[int, float]]
) -> None:
    turns = Turns(requests * batch_size, batch_size)
    for images, seconds in seen:
        turns.inferred(images, seconds)
        assert turns.size % batch_size == 0
        assert batch_size <= turns.size <= requests * batch_size
