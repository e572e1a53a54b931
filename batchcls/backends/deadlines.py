"""Decides which worker has to be killed because it makes no progress. Pure: time is an argument.

Rules of this file:

1. An image may stay in one stage for the timeout. A stage in which it only waits for others does
   not count, and one in which it may have to queue counts from the worker's last answer.
2. A worker whose own loop stands still is silent, whatever its images do. It gets a little longer,
   so that an image that hangs is blamed first.
3. A worker that holds no lease owes nothing.
4. While this process itself stood still (SIGSTOP, a suspended laptop), so did the workers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from batchcls.worker.stage_board import BLAMED, InHand

CHECK_S = 0.1
STALL_GRACE_S = 1.0
SILENCE_GRACE_S = 0.5
LOADING_LIMIT_S = 1800.0


class Overdue(NamedTuple):
    """Why a worker has to be killed.

    Attributes:
        cause: for people.
        hangs: it had loaded the model: images are what it makes no progress with.
    """

    cause: str
    hangs: bool


@dataclass(slots=True)
class _Signs:
    """A worker's signs of life: seconds of the caller's clock."""

    started: float
    heard: float
    ready: bool = False


class Deadlines:
    """What is known of each worker's progress.

    All moments are seconds of one monotonic clock, that of the workers' stage boards.

    Args:
        timeout_s: how long an image may stay in one stage.
        now: the present moment.
    """

    def __init__(self, timeout_s: float, now: float) -> None:
        self._timeout = timeout_s
        self._workers: dict[int, _Signs] = {}
        self._checked = self._excused = now

    def start(self, worker: int, now: float) -> None:
        """A worker was started; it loads the model."""
        self._workers[worker] = _Signs(now, now)

    def ready(self, worker: int) -> None:
        """A worker has loaded the model."""
        self._workers[worker].ready = True

    def hear(self, worker: int, now: float) -> None:
        """A worker sent something, or got its first lease: it owes nothing from before."""
        self._workers[worker].heard = now

    def end(self, worker: int) -> None:
        """A worker is gone."""
        del self._workers[worker]

    def due(self, now: float) -> bool:
        """Whether the workers are to be looked at again; to be asked all the time."""
        since_last = now - self._checked
        if since_last < CHECK_S:
            return False
        self._checked = now
        if since_last > STALL_GRACE_S:
            self._excused = now
        return True

    def overdue(
        self, worker: int, now: float, in_hand: Sequence[InHand] | None, last_beat: float
    ) -> Overdue | None:
        """Why a worker has to be killed; None if it has not.

        Args:
            worker: which one.
            now: the present moment.
            in_hand: the images it works on, as its board shows them; None if it holds no lease.
            last_beat: when its own loop last turned, as its board shows it.
        """
        signs = self._workers[worker]
        if not signs.ready:
            late = now - signs.started > LOADING_LIMIT_S
            minutes = LOADING_LIMIT_S / 60
            return Overdue(f"still loading after {minutes:.0f} minutes", False) if late else None
        if in_hand is None:
            return None
        for hand in in_hand:
            if hand.stage in BLAMED:
                since = max(hand.since, self._excused)
                if hand.stage == "infer":
                    # A request may queue behind others on its device: answers are signs of life.
                    since = max(since, signs.heard)
                if now - since > self._timeout:
                    return Overdue(f"no progress in {hand.stage} for {self._timeout:g} s", True)
        alive = max(last_beat, signs.heard, self._excused)
        if now - alive > self._timeout + SILENCE_GRACE_S:
            return Overdue(f"silent for {self._timeout:g} s", True)
        return None
