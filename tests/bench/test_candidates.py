"""Tuning tries few layouts, never drops the default, and leaves it only for a clear gain."""

from hypothesis import given
from hypothesis import strategies as st

from batchcls import jobfile
from batchcls.bench.candidates import grid, kept, winner
from batchcls.bench.jobtext import job_text
from batchcls.job import Job
from batchcls.layout import decide
from batchcls.machine import Machine


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


def test_a_gain_within_the_noise_is_no_gain() -> None:
    assert winner([[100.0], [102.0]]) == 0
    assert winner([[100.0], [110.0], [120.0]]) == 2
    assert winner([[100.0, 100.0, 100.0], [99.0, 101.0, 500.0]]) == 0


def test_the_job_file_gives_the_job_in_that_layout() -> None:
    job = Job(sources=("a b", "c"), model='we"ird.xml', device=("CPU",), top=3, nireq=0)
    layout = decide(job, Machine(2))
    again = jobfile.merge(jobfile.parse(job_text(job, layout, "won\ntwice")), {})
    assert (again.sources, again.model, again.top) == (job.sources, job.model, 3)
    assert decide(again, Machine(2)) == layout
