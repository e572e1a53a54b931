"""Who has to be killed when: told what each worker holds since when, and what time it is."""

import pytest

from batchcls.backends.deadlines import (
    CHECK_S,
    LOADING_LIMIT_S,
    SILENCE_GRACE_S,
    STALL_GRACE_S,
    Deadlines,
    Overdue,
)
from batchcls.messages import STAGES
from batchcls.worker.stage_board import InHand

TIMEOUT_S = 60.0


def loaded(at: float = 0.0) -> Deadlines:
    """Worker 3, started and ready at this moment."""
    deadlines = Deadlines(TIMEOUT_S, at)
    deadlines.start(3, at)
    deadlines.ready(3)
    return deadlines


@pytest.mark.parametrize("stage", ["read", "decode", "preprocess", "infer", "write"])
def test_an_image_may_stay_in_one_stage_for_the_timeout(stage: str) -> None:
    deadlines, held = loaded(), [InHand(7, "wait", 0.0), InHand(8, stage, 10.0)]
    assert deadlines.overdue(3, 70.0, held, last_beat=70.0) is None
    late = deadlines.overdue(3, 70.1, held, last_beat=70.1)
    assert late == Overdue(f"no progress in {stage} for 60 s", hangs=True)


def test_an_image_that_only_waits_is_never_late() -> None:
    assert loaded().overdue(3, 1e6, [InHand(7, "wait", 0.0)], last_beat=1e6) is None


@pytest.mark.parametrize("stage", sorted(set(STAGES) - {"wait", "infer"}))
def test_answers_excuse_an_image_in_its_request_and_no_other(stage: str) -> None:
    deadlines = loaded()
    deadlines.hear(3, 50.0)
    assert deadlines.overdue(3, 100.0, [InHand(8, "infer", 0.0)], last_beat=100.0) is None
    assert deadlines.overdue(3, 110.1, [InHand(8, "infer", 0.0)], last_beat=110.1) is not None
    assert deadlines.overdue(3, 61.0, [InHand(8, stage, 0.0)], last_beat=61.0) is not None


def test_a_loop_that_stands_still_is_silent_a_moment_later_than_an_image_hangs() -> None:
    deadlines = loaded()
    silent = TIMEOUT_S + SILENCE_GRACE_S
    assert deadlines.overdue(3, silent, [], last_beat=0.0) is None
    late = deadlines.overdue(3, silent + 0.1, [], last_beat=0.0)
    assert late == Overdue("silent for 60 s", hangs=True)
    hanging = [InHand(8, "decode", 0.0)]
    assert deadlines.overdue(3, TIMEOUT_S + 0.1, hanging, last_beat=0.0) is not None


def test_a_beat_and_a_message_are_signs_of_life() -> None:
    deadlines = loaded()
    assert deadlines.overdue(3, 100.0, [], last_beat=40.0) is None
    deadlines.hear(3, 40.0)
    assert deadlines.overdue(3, 100.0, [], last_beat=0.0) is None


def test_a_worker_without_a_lease_owes_nothing() -> None:
    assert loaded().overdue(3, 1e6, None, last_beat=0.0) is None


def test_a_first_lease_counts_from_when_it_was_given() -> None:
    deadlines = loaded()
    deadlines.hear(3, 1000.0)
    assert deadlines.overdue(3, 1060.0, [], last_beat=0.0) is None


def test_loading_has_a_limit_of_its_own_and_blames_no_image() -> None:
    deadlines = Deadlines(TIMEOUT_S, 0.0)
    deadlines.start(3, 0.0)
    assert deadlines.overdue(3, LOADING_LIMIT_S, None, last_beat=0.0) is None
    late = deadlines.overdue(3, LOADING_LIMIT_S + 1, None, last_beat=0.0)
    assert late == Overdue("still loading after 30 minutes", hangs=False)
    deadlines.ready(3)
    assert deadlines.overdue(3, LOADING_LIMIT_S + 1, None, last_beat=0.0) is None


def test_a_worker_number_begins_anew_with_its_next_process() -> None:
    deadlines = loaded()
    deadlines.end(3)
    deadlines.start(3, 500.0)
    assert deadlines.overdue(3, 500.0 + LOADING_LIMIT_S, [], last_beat=0.0) is None


def test_workers_are_looked_at_a_few_times_a_second() -> None:
    deadlines = loaded()
    assert not deadlines.due(CHECK_S / 2)
    assert deadlines.due(CHECK_S)
    assert not deadlines.due(1.5 * CHECK_S)
    assert deadlines.due(2 * CHECK_S)


def test_while_this_process_stood_still_the_workers_did_too() -> None:
    held = [InHand(8, "decode", 0.0)]
    stopped, slow = loaded(), loaded()
    stopped.due(STALL_GRACE_S + 100)
    assert stopped.overdue(3, 101.0, held, last_beat=0.0) is None
    assert stopped.overdue(3, 101.0 + TIMEOUT_S + 0.1, held, last_beat=0.0) is not None
    slow.due(STALL_GRACE_S)
    assert slow.overdue(3, TIMEOUT_S + 0.1, held, last_beat=0.0) is not None
