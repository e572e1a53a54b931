"""Decides how fast a web server may be asked that has said that it is asked too often."""

import threading

FIRST_S, LONGEST_S = 0.5, 8.0
AT_ONCE = 32
"""Requests among which a pause is divided, so that they do not come all together at its end."""


class Pace:
    """One for all threads that ask a server: each would be refused as the others are.

    Only the image that was refused waits for the whole pause: a server may refuse that one alone.
    It does, if it has answered many others until that one asks again. All moments are seconds of
    one clock.

    Attributes:
        answers: of the server, so far.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pause = 0.0
        self._next = self._counted = 0.0
        self.answers = 0

    def turn(self, now: float) -> float:
        """For how many seconds to wait before the next request."""
        with self._lock:
            start = max(now, self._next)
            self._next = start + self._pause / AT_ONCE
            return start - now

    def refused(self, now: float, answers: int | None = None) -> float:
        """The server refused to answer; for how many seconds to leave that image alone.

        What it refuses in that time is one refusal.

        Args:
            answers: `answers` when it refused this image last; None for the first time.
        """
        with self._lock:
            if answers is not None and self.answers - answers > AT_ONCE:
                return max(self._pause, FIRST_S)
            if now >= self._counted:
                self._pause = min(max(2 * self._pause, FIRST_S), LONGEST_S)
                self._counted = now + self._pause
            return self._pause

    def went_well(self) -> None:
        """The server answered."""
        self.answers += 1
        if self._pause:
            with self._lock:
                self._pause = self._pause * 0.95 if self._pause > FIRST_S / 2 else 0.0
