"""What a measurement of the whole pipeline counts: which images, and whose processor time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchcls.bench.rate import Report, answered, beside


def test_threads_that_infer_are_the_busiest_beside_the_main_one() -> None:
    used = [1.0, 5.0, 0.2, 0.1]  # the main thread first, then from the most down
    assert beside(used, 1) == pytest.approx(1.3)
    assert beside(used, 2) == pytest.approx(1.1)
    assert beside([1.0], 4) == 1.0


def test_a_report_counts_for_the_time_since_the_one_before() -> None:
    reports = [Report(0.0, 0, 64), Report(1.0, 0, 64), Report(2.0, 0, 64)]
    assert answered(reports, 0.5, 1.25) == pytest.approx(32 + 16)
    assert answered(reports, 0.0, 2.0) == pytest.approx(128)  # nobody knows how long the first took


@given(
    st.lists(st.floats(0.1, 1.0), min_size=2, max_size=30),
    st.integers(1, 64),
    st.floats(0.0, 0.4),
)
def test_a_steady_worker_has_its_rate_in_any_window(
    gaps: list[float], rate: int, start: float
) -> None:
    times = [sum(gaps[:n]) for n in range(len(gaps) + 1)]
    reports = [Report(0.0, 7, 3)]
    reports += [
        Report(at, 7, round(rate * 1000 * gap)) for at, gap in zip(times[1:], gaps, strict=True)
    ]
    begun, ended = start * times[-1], (start + 0.5) * times[-1]
    assert answered(reports, begun, ended) == pytest.approx(1000 * rate * (ended - begun), rel=0.01)


def test_workers_are_counted_apart() -> None:
    one = [Report(0.0, 0, 1), Report(1.0, 0, 10), Report(2.0, 0, 10)]
    other = [Report(0.3, 1, 1), Report(0.9, 1, 6), Report(2.4, 1, 15)]
    both = sorted([*one, *other])
    assert answered(both, 0.5, 1.5) == pytest.approx(
        answered(one, 0.5, 1.5) + answered(other, 0.5, 1.5)
    )


def test_what_a_worker_tells_right_behind_each_other_is_one_turn() -> None:
    reports = [Report(0.0, 0, 0), Report(1.0, 0, 2), Report(1.01, 0, 62), Report(2.01, 0, 64)]
    assert answered(reports, 0.5, 1.5) == pytest.approx(64 * 0.51 / 1.01 + 64 * 0.49)


def test_a_worker_that_tells_all_the_time_has_no_endless_turn() -> None:
    reports = [Report(0.01 * n, 0, 5) for n in range(400)]
    assert answered(reports, 1.0, 2.0) == pytest.approx(500, rel=0.05)
