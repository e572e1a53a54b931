"""Tuning tries few layouts, never drops the default, and leaves it only for a clear gain."""

from hypothesis import given
from hypothesis import strategies as st

from batchcls.backends.allocation import decide
from batchcls.backends.machine import Machine
from batchcls.bench.candidates import grid, kept, winner
from batchcls.bench.tune import ENOUGH_ROUNDS, Raced
from batchcls.job.job import Job


@given(st.integers(1, 256))
def test_the_grid_is_small_has_no_twins_and_starts_with_the_default(cores: int) -> None:
    machine = Machine(cores)
    default = decide(Job(), machine)
    layouts = grid(default, machine)
    assert layouts[0] == default
    assert len(set(layouts)) == len(layouts) <= 16
    for layout in layouts:
        assert layout.workers * layout.nthreads <= cores
        assert layout.workers == 1 or not layout.pin  # several that pin, pin to the same cores


def test_an_accelerator_is_never_shared_by_processes() -> None:
    machine = Machine(8, frozenset({"GPU"}))
    default = decide(Job(device=("GPU",)), machine)
    assert {layout.workers for layout in grid(default, machine, accelerated=True)} == {1}


RATES = st.lists(st.lists(st.floats(1.0, 1e4), min_size=1, max_size=3), min_size=1, max_size=12)


@given(RATES)
def test_the_default_always_goes_on_and_rounds_end(rates: list[list[float]]) -> None:
    left = kept(rates)
    assert left[0] == 0
    assert left == sorted(set(left))
    assert len(left) < len(rates) or len(rates) <= 2


def test_as_many_go_on_as_are_wanted_at_least() -> None:
    rates = [[1.0], *([float(n)] for n in range(2, 42))]
    assert kept(rates, share=0.25) == [0, *range(31, 41)]
    assert kept(rates[:9], share=0.25, last=4) == [0, 6, 7, 8]
    assert kept([[1.0], [2.0]], share=0.25, last=4) == [0, 1]


def test_the_last_rounds_alone_decide_when_they_are_enough() -> None:
    lucky = [120.0, *[90.0] * ENOUGH_ROUNDS]  # that is what got it to the last rounds
    even = [80.0, *[100.0] * ENOUGH_ROUNDS]
    raced = Raced((tuple(even), (10.0,), tuple(lucky)), (0, 2), ENOUGH_ROUNDS)
    assert raced.final(2) == tuple([90.0] * ENOUGH_ROUNDS)
    assert (raced.fastest, raced.winner) == (0, 0)
    short = Raced(((80.0, 100.0), (10.0,), (120.0, 105.0)), (0, 2), 1)
    assert short.final(2) == (120.0, 105.0)
    assert (short.fastest, short.winner) == (2, 2)


def test_a_layout_slightly_faster_is_no_reason_to_leave_the_default() -> None:
    raced = Raced(((100.0,) * 4, (101.0,) * 4), (0, 1), 4)
    assert (raced.fastest, raced.winner) == (1, 0)


def test_a_gain_within_the_noise_is_no_gain() -> None:
    assert winner([[100.0], [102.0]]) == 0
    assert winner([[100.0], [110.0], [120.0]]) == 2
    assert winner([[100.0, 100.0, 100.0], [99.0, 101.0, 500.0]]) == 0
