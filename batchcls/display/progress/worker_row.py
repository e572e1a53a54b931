"""One worker on one device, as the display follows it: rate, latency, occupancy, restarts. Pure."""

from batchcls.display.progress.rate import Rate
from batchcls.display.snapshot import WorkerRow
from batchcls.messages import WorkerStats

SILENT_S = 10.0
"""A running worker that has not reported for so long is shown as silent."""
LATENCY_WEIGHT = 0.2


class Row:
    """The running figures of one row."""

    __slots__ = (
        "_busy",
        "_heard",
        "_latency",
        "_latency_sum",
        "_rate",
        "_reports",
        "_rss",
        "_state",
        "device",
        "in_flight",
        "nireq",
        "restarts",
        "worker",
    )

    def __init__(self, worker: int, device: str) -> None:
        self.worker = worker
        self.device = device
        self.in_flight = 0
        self.nireq = 0
        self.restarts = 0
        self._state = "starting"
        self._rate = Rate()
        self._heard: float | None = None
        self._latency: float | None = None
        self._latency_sum = 0.0
        self._busy = 0
        self._reports = 0
        self._rss = 0

    def ready(self, now: float, nireq: int) -> None:
        """The worker's process, the first or a new one, has compiled its models."""
        if self._state == "restarting":
            self.restarts += 1
        self._state = "running"
        self._heard = now
        self.nireq = nireq or self.nireq
        self._rate.start(now)

    def died(self, now: float) -> None:
        """Its process is gone; whether another one comes is not known yet."""
        self._state = "restarting"
        self._heard = now
        self.in_flight = self._rss = 0

    def report(self, stats: WorkerStats, now: float) -> None:
        """What the worker did on this device since its last report."""
        images = stats.images.get(self.device, 0)
        self._rate.add(images, now)
        self._state = "running"
        self._heard = now
        self._rss = stats.rss or self._rss
        if images:
            seconds = stats.latency.get(self.device, 0.0)
            self._latency_sum += seconds
            latency = seconds / images
            old = self._latency
            self._latency = latency if old is None else old + LATENCY_WEIGHT * (latency - old)
        if self.device in stats.in_flight:
            self.in_flight = stats.in_flight[self.device]
            self._busy += self.in_flight
            self._reports += 1

    def snapshot(self, now: float, *, ending: bool, idle: bool = False) -> WorkerRow:
        """This row at monotonic second `now`.

        Args:
            ending: nobody is expected back.
            idle: there is nothing to do, so that nobody is expected to report.
        """
        silent = 0.0 if self._heard is None else max(0.0, now - self._heard)
        state = self._state
        if ending and state in ("restarting", "starting"):
            state = "gone"
        elif state == "running" and idle:
            state = "idle"
        elif state == "running" and silent > SILENT_S:
            state = "silent"
        known = self.nireq and self._reports
        return WorkerRow(
            worker=self.worker,
            device=self.device,
            state=state,
            images=self._rate.total,
            rate=round(self._rate.over(10.0, now), 3),
            history=self._rate.history(now),
            latency_ms=None if self._latency is None else round(self._latency * 1000, 3),
            latency_mean_ms=self._mean_ms(),
            in_flight=self.in_flight,
            nireq=self.nireq,
            busy=round(min(1.0, self._busy / self._reports / self.nireq), 4) if known else None,
            restarts=self.restarts,
            rss=self._rss,
            silent_s=round(silent, 1),
        )

    def _mean_ms(self) -> float | None:
        images = self._rate.total
        return round(self._latency_sum / images * 1000, 3) if images else None
