"""Decides how long a process leaves a store alone that says it is asked too often."""

import math
import random
import threading
import time
from collections.abc import Callable

FIRST_S, LONGEST_S = 0.2, 8.0


class Pace:
    """One for all threads that ask a store: each would be refused as the others are.

    Args:
        clock: seconds.
        sleep: how to wait.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._pause = 0.0
        self._until = 0.0

    def wait(self, until: float = math.inf) -> bool:
        """Come back when the store may be asked: True; False, at once, if that is too late."""
        while (left := self._until - self._clock()) > 0:
            if self._until >= until:
                return False
            self._sleep(left)
        return True

    def slow_down(self) -> None:
        """The store refused: for a while nobody may ask it.

        Those that it refuses while nobody may ask count once.
        """
        with self._lock:
            now = self._clock()
            if now >= self._until:
                self._pause = min(max(2 * self._pause, FIRST_S), LONGEST_S)
                # Not all processes at once.
                self._until = now + self._pause * random.uniform(0.5, 1)  # noqa: S311

    def went_well(self) -> None:
        """The store answered."""
        if self._pause:
            with self._lock:
                self._pause = self._pause / 2 if self._pause > FIRST_S else 0.0
