"""When a device is refused, and when nothing can be said."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchcls.errors import DeviceError
from batchcls.job.job import Job
from batchcls.model.devices import agreement
from batchcls.model.devices.agreement import Agreement, upper_bound


def measured(agreed: int, clear: int, device: str = "GPU", worst: float = 0.2) -> Agreement:
    return Agreement(device, 64, clear, agreed, 0.9, worst, 0.0, 100.0)


@pytest.mark.parametrize(
    ("agreed", "of", "bound"),
    # Where none agrees, (1 - bound)^n is 0.01; where one of two does, 1 - bound^2 is.
    [(0, 64, 0.0694), (64, 64, 1.0), (0, 1, 0.99), (1, 2, 0.995)],
)
def test_the_bound_is_clopper_and_pearsons(agreed: int, of: int, bound: float) -> None:
    assert upper_bound(agreed, of) == pytest.approx(bound, abs=1e-4)


@given(st.integers(1, 64).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_bound_is_never_below_what_was_seen(seen: tuple[int, int]) -> None:
    agreed, of = seen
    assert agreed / of <= upper_bound(agreed, of) <= 1.0


def test_refused_is_who_surely_agrees_too_seldom() -> None:
    assert not measured(64, 64).fails(98)
    assert not measured(60, 64).fails(98), "a device that agrees on 98 % may well show that"
    assert measured(56, 64).fails(98)
    assert not measured(0, 15).fails(98), "too few to judge"
    assert not measured(0, 64).fails(0)


def test_the_refusal_says_what_was_measured_and_what_may_help() -> None:
    hardware = {"devices": {"GPU": {"name": "Arc", "driver": "31.0.101"}, "CPU": {"name": "i5"}}}
    with pytest.raises(DeviceError) as caught:
        agreement.require([measured(57, 57, "CPU"), measured(30, 57)], 98, hardware)
    told = str(caught.value)
    assert told.startswith("GPU gives other labels than the CPU")
    assert "GPU agrees with the CPU on 30 of 57 clear images" in told
    assert "57 of 57" not in told
    places = [told.index(w) for w in ("--infer-precision", "--batch-size", "--device`", "31.0.101")]
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("devices", "precision", "options", "expected"),
    [
        (["CPU"], {"CPU": "f32"}, {}, []),
        (["HETERO:CPU"], {"CPU": "f32"}, {}, []),
        (["CPU"], {"CPU": "bf16"}, {}, ["CPU"]),
        (["CPU"], {"CPU": "f32"}, {"int8": "fast"}, ["CPU"]),
        (["GPU.1", "CPU"], {"CPU": "f32", "GPU.1": "f32"}, {}, ["GPU.1"]),
        (["AUTO"], {"CPU": "f32"}, {}, ["AUTO"]),
        (["HETERO:GPU,CPU"], {"CPU": "f32", "GPU": "f16"}, {}, ["HETERO:GPU,CPU"]),
        (["GPU"], {"GPU": "f16"}, {"device_check": False}, []),
    ],
)
def test_what_is_checked(
    devices: list[str], precision: dict[str, str], options: dict[str, Any], expected: list[str]
) -> None:
    description = {"devices": [{"used": one} for one in devices], "precision": precision}
    assert agreement.unchecked(Job(**options), description) == expected


def test_a_check_that_ran_out_of_time_says_so() -> None:
    assert "time" not in str(measured(20, 20))
    late = replace(measured(20, 20), cut_short=True)
    assert "on 20 of 20 clear images (as many as there was time for, " in str(late)
