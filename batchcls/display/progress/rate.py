"""How fast: images counted into equal steps of time, by a clock that the caller reads. Pure."""

from collections import deque

STEP_S = 2.0
"""Width of one step; the sparkline's resolution."""
KEEP = 40
"""Steps kept, whatever the length of the run."""


class Rate:
    """Counts over the recent past, in constant memory.

    `add` is called for every batch of answers, so it does no more than compare and add.
    """

    __slots__ = ("_edge", "_idle", "_now", "_paused", "_steps", "since", "total")

    def __init__(self) -> None:
        self.total = 0
        self.since: float | None = None
        self._edge = float("-inf")  # end of the current step
        self._now = 0  # images of the current step
        self._idle = 0.0  # seconds in which there was nothing to do
        self._paused: float | None = None
        self._steps: deque[int] = deque(maxlen=KEEP)

    def start(self, now: float) -> None:
        """Measure from here on; later calls change nothing."""
        if self.since is None:
            self.since = now
            self._edge = now + STEP_S

    def pause(self, now: float) -> None:
        """There is nothing to do until `resume`, which no mean should know of."""
        self._paused = now if self._paused is None else self._paused

    def paused_s(self, now: float) -> float:
        """Seconds since the pause began; 0 where there is none."""
        return 0.0 if self._paused is None else round(now - self._paused, 3)

    def resume(self, now: float) -> None:
        """There is something to do again."""
        if self._paused is not None and self.since is not None:
            self._idle += now - max(self._paused, self.since)
        self._paused = None

    def add(self, images: int, now: float) -> None:
        """Count images that were answered by `now` (monotonic seconds)."""
        if now >= self._edge:
            self._roll(now)
        self._now += images
        self.total += images

    def over(self, seconds: float, now: float) -> float:
        """Images/s of about the last `seconds`, fewer where there were not so many."""
        if self.since is None:
            return 0.0
        if now >= self._edge:
            self._roll(now)
        steps = list(self._steps)[-max(1, round(seconds / STEP_S)) :]
        span = len(steps) * STEP_S + max(0.0, now - (self._edge - STEP_S))
        # A first answer microseconds after the start is no rate yet.
        return (sum(steps) + self._now) / max(span, 0.25)

    def mean(self, now: float) -> float:
        """Images/s since the start."""
        if self.since is None:
            return 0.0
        busy = (now if self._paused is None else self._paused) - self.since - self._idle
        return self.total / max(busy, 0.25)

    def history(self, now: float) -> tuple[float, ...]:
        """Images/s of the full steps, oldest first, smoothed so that reports in lumps look calm."""
        if self.since is not None and now >= self._edge:
            self._roll(now)
        smooth: list[float] = []
        for count in self._steps:
            rate = count / STEP_S
            smooth.append(round(rate if not smooth else (smooth[-1] + rate) / 2, 3))
        return tuple(smooth)

    def _roll(self, now: float) -> None:
        if self.since is None:
            self.start(now)
            return
        passed = int((now - self._edge) // STEP_S) + 1
        self._steps.append(self._now)
        self._steps.extend([0] * min(passed - 1, KEEP))
        self._now = 0
        self._edge += passed * STEP_S
