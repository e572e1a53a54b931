"""When a device is compared with the CPU by night, and what follows."""

import numpy as np
import pytest

from batchcls.errors import ImageError, ModelError
from batchcls.messages import RECENT
from batchcls.worker.interfaces import Array
from batchcls.worker.night_check import (
    EVERY,
    TRIAL,
    DeviceWatch,
    NightCheck,
)


def run(watch: DeviceWatch, answers: list[bool], *, start: int = 0, lead: float = 0.9) -> list[int]:
    """Label so many images, a millisecond each; the indices that were checked."""
    checked = []
    for index, same in enumerate(answers, start):
        now = index / 1000
        if watch.saw(index, now):
            checked.append(index)
            watch.checked(lead, same, 0.001, now)
    return checked


def test_one_in_so_many_is_checked() -> None:
    watch = DeviceWatch(98, 0.0)
    assert run(watch, [True] * (3 * EVERY)) == [EVERY - 1, 2 * EVERY - 1, 3 * EVERY - 1]
    assert watch.checks.passed == 3
    assert (watch.checks.agreed, watch.checks.clear, watch.checks.lowest) == (3, 3, -1)


def test_a_slow_device_is_checked_every_ten_minutes() -> None:
    watch = DeviceWatch(98, 0.0)
    assert not watch.saw(0, 599.0)
    assert watch.saw(1, 600.0)


def test_checks_take_a_hundredth_of_the_time_at_most() -> None:
    watch = DeviceWatch(98, 0.0)
    for index in range(EVERY - 1):
        assert not watch.saw(index, 0.0)
    assert watch.saw(EVERY, 1.0)
    watch.checked(0.9, True, 0.5, 1.0)
    for index in range(2 * EVERY):
        assert not watch.saw(index, 50.0)
    assert watch.saw(9, 51.1)


def test_where_the_image_is_not_clear_the_next_one_is_asked() -> None:
    watch = DeviceWatch(98, 0.0)
    run(watch, [True] * EVERY, lead=0.01)
    assert watch.checks.clear == 0
    assert watch.saw(EVERY, 100.0)
    watch.checked(0.9, True, 0.001, 100.0)
    assert watch.checks.passed == 1


def test_a_device_that_goes_bad_is_found_and_its_lines_are_known() -> None:
    watch = DeviceWatch(98, 0.0)
    bad = EVERY + 100
    checked = run(watch, [True] * bad + [False] * (2 * EVERY))
    assert watch.checks.fails
    assert checked[-1] == 2 * EVERY - 1 + TRIAL
    assert watch.checks.lowest == EVERY, "the first after the check that it passed"


def test_one_slip_is_forgiven() -> None:
    watch = DeviceWatch(98, 0.0)
    answers = [True] * (2 * EVERY)
    answers[EVERY - 1] = False
    run(watch, answers)
    assert not watch.checks.fails
    assert watch.checks.passed == 1
    assert watch.checks.lowest == EVERY + TRIAL


def test_images_that_are_not_clear_decide_nothing() -> None:
    watch = DeviceWatch(98, 0.0)
    run(watch, [False] * EVERY)
    run(watch, [False] * (2 * EVERY), start=EVERY, lead=0.0)
    assert not watch.checks.fails


class Cpu:
    """A reference that answers its input."""

    opened = 0

    def __init__(self) -> None:
        Cpu.opened += 1

    def ask(self, tensor: Array) -> Array:
        return tensor


def test_the_reference_is_opened_when_it_is_first_needed_and_no_numbers_are_wrong() -> None:
    Cpu.opened, now = 0, 0.0

    def no_numbers(scores: Array) -> Array:
        raise ImageError("bad_output", "NaN")

    night = NightCheck(
        ["GPU"], Cpu, no_numbers, lambda truth, scores: (0.9, True), 98, clock=lambda: now
    )
    one = np.ones(3, np.float32)
    for index in range(EVERY - 1):
        night.see("GPU", index, one, one)
    night.see("GPU", -1, one, one)
    night.see("CPU", 1, one, one)
    assert Cpu.opened == 0
    for index in range(EVERY + TRIAL):
        night.see("GPU", index, one, one)
    assert Cpu.opened == 1
    assert night.checks["GPU"].fails
    assert night.checks["GPU"].agreed == 0


@pytest.mark.parametrize("tensor", [None])
def test_without_its_input_an_image_is_not_checked(tensor: None) -> None:
    night = NightCheck(["GPU"], Cpu, lambda s: s, lambda a, b: (0.9, True), 98, clock=lambda: 1e6)
    night.see("GPU", 0, tensor, np.ones(3, np.float32))
    assert night.checks["GPU"].lowest == -1


def test_the_last_images_that_no_check_has_passed_are_known() -> None:
    watch = DeviceWatch(98, 0.0)
    run(watch, [True] * 100)
    assert watch.checks.recent == tuple(range(100 - RECENT, 100))
    run(watch, [True] * (EVERY - 98), start=100)
    assert watch.checks.recent == (EVERY, EVERY + 1), "the check at 1,999 vouches for those before"


def test_where_there_can_be_no_reference_the_run_goes_on_and_says_so() -> None:
    def gone() -> Cpu:
        raise ModelError("m.xml: no such file")

    night = NightCheck(["GPU"], gone, lambda s: s, lambda a, b: (0.9, False), 98, clock=lambda: 0.0)
    one = np.ones(3, np.float32)
    for index in range(2 * EVERY):
        night.see("GPU", index, one, one)
    assert [note for note in night.notes if "m.xml: no such file" in note] == night.notes
    assert len(night.notes) == 1
    assert not night.checks["GPU"].fails


def test_an_image_that_the_reference_does_not_answer_is_not_asked_for_ever() -> None:
    class Silent(Cpu):
        asked = 0

        def ask(self, tensor: Array) -> Array:
            Silent.asked += 1
            return None

    night = NightCheck(
        ["GPU"], Silent, lambda s: s, lambda a, b: (0.9, True), 98, clock=lambda: 0.0
    )
    one = np.ones(3, np.float32)
    for index in range(2 * EVERY):
        night.see("GPU", index, one, one)
    assert Silent.asked <= 4


def test_a_trial_on_a_slow_reference_leaves_half_of_the_time_to_the_run() -> None:
    watch, now, spent = DeviceWatch(98, 0.0), 0.0, 0.0
    for index in range(EVERY + 200):
        now += 0.1  # the device's
        if watch.saw(index, now):
            now += 2.0
            spent += 2.0
            watch.checked(0.9, index >= EVERY + 20, 2.0, now)
    assert watch.checks.clear > 5
    assert spent < 200 * 0.1 + 2 * 2.0


def test_a_trial_with_few_clear_images_vouches_for_nothing() -> None:
    watch = DeviceWatch(98, 0.0)
    run(watch, [False] * EVERY)
    run(watch, [True] * 300, start=EVERY, lead=0.0)
    assert not watch.checks.fails
    assert watch.checks.passed == 0
    assert watch.checks.lowest == 0
