"""The limit, the percentiles and the advice follow from the measured parts."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchcls.bench.figures import (
    Fast,
    Figures,
    Inference,
    Preparation,
    Whole,
    advice,
    bound,
    percentiles,
    shares,
)

RATE = st.floats(1.0, 1e5)


def cpu(fps: float, layout: str = "one process") -> Inference:
    return Inference("CPU", layout, True, fps, {})


def gpu(fps: float) -> Inference:
    return Inference("GPU", "one process", False, fps, {})


def test_on_cpu_an_image_takes_preparation_and_inference_from_the_same_cores() -> None:
    # 2 cores: 5 ms to prepare, 2 / 200 s to infer, 15 ms of a core in all
    assert bound(2, 0.005, [cpu(200.0)]) == pytest.approx(2 / 0.015)


def test_the_better_layout_of_a_device_counts_once() -> None:
    assert bound(2, 0.005, [cpu(100.0), cpu(200.0, "2 processes")]) == pytest.approx(2 / 0.015)


def test_an_accelerator_waits_for_the_cores_or_they_for_it() -> None:
    assert bound(2, 0.010, [gpu(1000.0)]) == pytest.approx(200.0)
    assert bound(2, 0.010, [gpu(50.0)]) == pytest.approx(50.0)


def test_cores_left_over_by_an_accelerator_infer_themselves() -> None:
    # the GPU's 100 images take 1 of 2 cores; the other one makes 1 / (0.01 + 0.01) more
    assert bound(2, 0.010, [gpu(100.0), cpu(200.0)]) == pytest.approx(150.0)


@given(st.integers(1, 64), st.floats(1e-5, 1.0), RATE, RATE)
def test_a_device_more_never_lowers_the_bound(
    cores: int, prepare: float, fast: float, aside: float
) -> None:
    alone = bound(cores, prepare, [cpu(fast)])
    assert alone <= fast * (1 + 1e-9)
    assert bound(cores, prepare, [cpu(fast), gpu(aside)]) >= alone * (1 - 1e-9)


def test_percentiles_are_values_that_were_measured() -> None:
    found = percentiles([n / 1000 for n in range(100, 0, -1)])
    assert found == {"p50": 50.0, "p95": 95.0, "p99": 99.0, "max": 100.0}
    assert percentiles([]) == {}


def figures(decode: float, fps: float, whole: float, twice: int | None = None) -> Figures:
    return Figures(
        2,
        (cpu(fps),),
        Preparation(0.1, decode, 0.4, images=10, failed=0, twice=twice),
        Whole(whole, {}, 1.0, 0.1),
        {"CPU": "f32"},
    )


def test_the_bottleneck_is_the_stage_with_most_of_the_time() -> None:
    slow_inference = figures(decode=1.0, fps=20.0, whole=19.0)
    assert max(shares(slow_inference), key=lambda s: shares(slow_inference)[s]) == "infer"
    assert "quantize" in advice(slow_inference)[0]
    assert "--decode reduced" in advice(figures(decode=80.0, fps=200.0, whole=23.0))[0]
    reduced = advice(figures(decode=80.0, fps=200.0, whole=23.0, twice=0))
    assert "bottleneck is decode" in reduced[0]
    assert "--decode reduced" not in " ".join(reduced)
    assert sum(shares(slow_inference).values()) == pytest.approx(1.0)


def test_a_pipeline_far_from_the_bound_is_sent_to_tune() -> None:
    assert any("tune" in text for text in advice(figures(1.0, 20.0, whole=10.0)))
    assert not any("tune" in text for text in advice(figures(1.0, 20.0, whole=19.4)))


@pytest.mark.parametrize(("times", "first"), [(1.6, "`--fast` is 1.60 times"), (1.1, "the bott")])
def test_a_first_look_that_pays_in_the_whole_pipeline_is_the_first_advice(
    times: float, first: str
) -> None:
    measured = {"same": 199, "tested": 200, "at_least": 0.97651}
    fast = Fast("…", times, 160.0, measured, "batchcls run photos --fast")
    found = advice(replace(figures(1.0, 20.0, whole=10.0), fast=fast))
    assert found[0].startswith(first)
    if fast.pays:
        assert "160.0 images/s, with the same best class on 199 of 200" in found[0]
        assert found[0].endswith("(at least 97.6%):\n    batchcls run photos --fast")


def test_without_images_there_is_no_bound() -> None:
    found = Figures(2, (cpu(10.0),), None, None, {}).as_dict()
    assert found["bound"] is None
    assert found["ratio"] is None
    assert "SOURCE" in found["advice"][0]
