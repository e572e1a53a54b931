"""Gathers what the workers of a machine answer into fewer, larger messages. Pure.

A worker reports twenty times a second, with statistics as long as a line, and on Ray each message
costs as much as fifty lines. So answers go to another machine by the lease, and what is done waits
for what others have done, until its worker is half through what it holds besides, or for long.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from batchcls.messages import Answer, Answered, WorkerStats

LATE_S = 0.5
"""Seconds that an answer waits for others at most."""

ENOUGH = 1 << 20
"""Bytes of lines that wait for no more: with a worker's largest message they go in one frame."""


@dataclass(slots=True)
class _Lease:
    """What a worker holds, and what of it waits."""

    given: int
    left: int
    since: float = 0.0  # when the first of the answers came
    answers: list[Answer] = field(default_factory=list)
    size: int = 0
    stats: WorkerStats | None = None


class Gathering:
    """Answers that wait for others."""

    def __init__(self) -> None:
        self._held: dict[int, dict[int, _Lease]] = {}  # by worker, by number
        self._done: list[Answered] = []
        self._since = 0.0  # when the first answer of what is done came

    def lease(self, worker: int, lease: int, images: int) -> None:
        """A worker was given so many images."""
        self._held.setdefault(worker, {})[lease] = _Lease(images, images)

    def take(self, event: Answered, now: float) -> list[Answered]:
        """Take in answers; those that are to go now."""
        held = self._held[event.worker]
        lease = held[event.lease]
        if lease.stats is None and not lease.answers:
            lease.since = now
        lease.answers += event.answers
        lease.size += sum(len(answer.line) for answer in event.answers)
        lease.stats = _sum(lease.stats, event.stats)
        lease.left -= len(event.answers)
        enough = lease.size >= ENOUGH
        if lease.left <= 0 or enough:
            self._finish(event.worker, event.lease)
        left, given = (sum(getattr(one, n) for one in held.values()) for n in ("left", "given"))
        hungry = 2 * left <= given and any(one.worker == event.worker for one in self._done)
        return self._let_go(now) if enough or hungry else []

    def due(self, now: float) -> list[Answered]:
        """What has waited for long enough, and what is about to have."""
        oldest = min((one.since for _, _, one in self._waiting()), default=now)
        late = now - (min(oldest, self._since) if self._done else oldest) > LATE_S
        return self._let_go(now) if late else []

    def end(self, worker: int) -> list[Answered]:
        """A worker is gone: what it answered."""
        for _, number, _ in [one for one in self._waiting() if one[0] == worker]:
            self._finish(worker, number)
        self._held.pop(worker, None)
        return self._let_go(0.0)

    def _waiting(self) -> Iterator[tuple[int, int, _Lease]]:
        """Workers, numbers, and leases of which some answers are here."""
        for worker, held in self._held.items():
            for number, lease in held.items():
                if lease.answers or lease.stats is not None:
                    yield worker, number, lease

    def _finish(self, worker: int, number: int) -> None:
        """Nothing more is put to these answers."""
        lease = self._held[worker][number]
        self._since = min(self._since, lease.since) if self._done else lease.since
        self._done.append(Answered(worker, number, tuple(lease.answers), lease.stats))
        if lease.left <= 0:
            del self._held[worker][number]
        lease.answers, lease.size, lease.stats = [], 0, None

    def _let_go(self, now: float) -> list[Answered]:
        """What is done, and what would soon take a message of its own."""
        for worker, number, lease in list(self._waiting()):
            if now - lease.since > LATE_S / 2:
                self._finish(worker, number)
        done, self._done = self._done, []
        return done


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
