"""Gathers what the workers of a machine answer into fewer, larger messages. Pure.

A worker reports twenty times a second, with statistics as long as a line. To another machine they
go by the lease: what a worker holds besides keeps it busy meanwhile.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from batchcls.messages import Answer, Answered, WorkerStats

LATE_S = 0.5
"""Seconds that an answer waits for others of its lease at most."""

ENOUGH = 1 << 20
"""Bytes of lines that wait for no more: with a worker's largest message they go in one frame."""


@dataclass(slots=True)
class _Waiting:
    since: float
    answers: list[Answer] = field(default_factory=list)
    size: int = 0
    stats: WorkerStats | None = None


class Gathering:
    """Answers that wait for others of their lease."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[int, int], _Waiting] = {}
        self._open: dict[tuple[int, int], int] = {}

    def lease(self, worker: int, lease: int, images: int) -> None:
        """A worker was given so many images."""
        self._open[worker, lease] = images

    def take(self, event: Answered, now: float) -> list[Answered]:
        """Take in answers; those of the lease that wait, if it is done or they are enough."""
        key = (event.worker, event.lease)
        waiting = self._waiting.setdefault(key, _Waiting(now))
        waiting.answers += event.answers
        waiting.size += sum(len(answer.line) for answer in event.answers)
        waiting.stats = _sum(waiting.stats, event.stats)
        self._open[key] -= len(event.answers)
        done = self._open[key] <= 0 or waiting.size >= ENOUGH
        return [self._flush(key)] if done else []

    def due(self, now: float) -> list[Answered]:
        """What has waited for long enough."""
        late = [key for key, waiting in self._waiting.items() if now - waiting.since > LATE_S]
        return [self._flush(key) for key in late]

    def end(self, worker: int) -> list[Answered]:
        """A worker is gone: what it answered."""
        left = [self._flush(key) for key in list(self._waiting) if key[0] == worker]
        self._open = {key: images for key, images in self._open.items() if key[0] != worker}
        return left

    def _flush(self, key: tuple[int, int]) -> Answered:
        waiting = self._waiting.pop(key)
        if self._open[key] <= 0:
            del self._open[key]
        return Answered(*key, tuple(waiting.answers), waiting.stats)


def _sum(before: WorkerStats | None, now: WorkerStats | None) -> WorkerStats | None:
    if before is None or now is None:
        return now or before
    return replace(
        now,
        images={k: int(v) for k, v in _added(before.images, now.images).items()},
        latency=_added(before.latency, now.latency),
        spent=_added(before.spent, now.spent),
        notes=(*before.notes, *now.notes),
        checks={**before.checks, **now.checks},
    )


def _added(one: Mapping[str, float], other: Mapping[str, float]) -> dict[str, float]:
    return {key: one.get(key, 0) + other.get(key, 0) for key in {**one, **other}}
