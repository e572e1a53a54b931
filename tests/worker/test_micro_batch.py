"""A turn is as long as caches like it, and no longer than the others can wait."""

from hypothesis import given
from hypothesis import strategies as st

from batchcls.worker.micro_batch import MICRO_BATCH_S, MicroBatch


def grown(per_image_s: float, capacity: int = 16, batch_size: int = 1) -> int:
    micro_batch = MicroBatch(capacity, batch_size)
    for _ in range(20):
        micro_batch.inferred(micro_batch.size, micro_batch.size * per_image_s)
    return micro_batch.size


def test_a_fast_model_fills_all_requests_and_a_slow_one_takes_image_by_image() -> None:
    assert grown(MICRO_BATCH_S / 1000) == 16
    assert grown(MICRO_BATCH_S / 5) == 5
    assert grown(MICRO_BATCH_S * 3) == 1


def test_it_begins_small_and_doubles_at_most() -> None:
    micro_batch = MicroBatch(16, 1)
    sizes = [micro_batch.size]
    for _ in range(5):
        micro_batch.inferred(micro_batch.size, 0.0)
        sizes.append(micro_batch.size)
    assert sizes == [2, 4, 8, 16, 16, 16]


def test_a_model_that_has_become_slow_gets_shorter_turns() -> None:
    micro_batch = MicroBatch(16, 1)
    for _ in range(5):
        micro_batch.inferred(micro_batch.size, 0.0)
    micro_batch.inferred(16, 16 * MICRO_BATCH_S)
    assert micro_batch.size == 1


@given(
    st.integers(1, 8),
    st.integers(1, 40),
    st.lists(st.tuples(st.integers(1, 99), st.floats(0, 9)), max_size=20),
)
def test_turns_are_whole_batches_for_which_there_are_requests(
    batch_size: int, requests: int, seen: list[tuple[int, float]]
) -> None:
    micro_batch = MicroBatch(requests * batch_size, batch_size)
    for images, seconds in seen:
        micro_batch.inferred(images, seconds)
        assert micro_batch.size % batch_size == 0
        assert batch_size <= micro_batch.size <= requests * batch_size
