"""The pipeline at full speed: the run's own workers, fed round and round, its answers counted.

No journal and no display: what is measured is what a long job sees between its first and its last
image. Workers load once; several measurements can be taken of the same ones.

Workers tell of many images at once, in the end of a turn at inference, which may be half a second
away from the last: what they tell is spread over the time since (`answered`), or a short
measurement would count a turn too many or too few.
"""

import contextlib
import math
import resource
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import NamedTuple

from batchcls.backends.local import LocalBackend
from batchcls.coordinator.policy import Policy
from batchcls.errors import BatchclsError
from batchcls.images import ImageRef
from batchcls.job.job import Job
from batchcls.messages import (
    Answered,
    Lease,
    StartWorker,
    WorkerDied,
    WorkerReady,
    WorkerRefused,
)
from batchcls.running.allocation import Allocation
from batchcls.running.run import refusal

TICK_S = 0.1
TOGETHER_S = 0.03
"""Reports of a worker so soon after one are of the same turn."""


@dataclass(frozen=True, slots=True)
class Rate:
    """One measurement.

    Attributes:
        images: answered in the time; parts of them where a report came after its end.
        seconds: that it took.
        worker_s: processor seconds of the workers.
        beside_s: of those, what the threads took that do not infer: of each worker all but the
            busiest `nthreads` beside its main thread. Known in a layout without decode threads and
            with a number of inference threads; 0.0 in others.
        coordinator_s: processor seconds of this process.
    """

    images: float
    seconds: float
    worker_s: float
    beside_s: float
    coordinator_s: float

    @property
    def fps(self) -> float:
        """Images per second."""
        return self.images / self.seconds


class Report(NamedTuple):
    """A worker's message with answers: when it came, whose it is, how many they are."""

    at: float
    worker: int
    images: int


def answered(reports: Iterable[Report], begun: float, ended: float) -> float:
    """How many images were answered between two moments.

    Args:
        reports: in order of time, from before `begun` to after `ended`. A worker's answers are
            spread evenly over the time since its turn before; those of its first do not count.
        begun: in the reports' time.
        ended: see `begun`.
    """
    images = 0.0
    last: dict[int, float] = {}
    for turn in _turns(reports):
        since = last.get(turn.worker, turn.at)
        inside = min(turn.at, ended) - max(since, begun)
        if inside > 0:
            images += turn.images * inside / (turn.at - since)
        last[turn.worker] = turn.at
    return images


def _turns(reports: Iterable[Report]) -> list[Report]:
    """Reports of a worker right behind each other as one: they tell of the same turn."""
    found: list[Report] = []
    places: dict[int, tuple[float, int]] = {}  # of a worker: its turn's first report, and where
    for report in reports:
        first, place = places.get(report.worker, (-math.inf, 0))
        if report.at - first <= TOGETHER_S:
            found[place] = report._replace(images=report.images + found[place].images)
        else:
            places[report.worker] = report.at, len(found)
            found.append(report)
    return found


class Feed:
    """The workers of one layout, loaded, and kept busy while a measurement lasts.

    Args:
        job: model, devices, preprocessing.
        layout: workers, and what each gets.
        images: to be answered, again and again.
        log: file for what workers print.

    Raises:
        BatchclsError: the job is wrong, or a worker dies.
    """

    def __init__(self, job: Job, layout: Allocation, images: Sequence[ImageRef], log: Path) -> None:
        self.layout = layout
        self._images = images
        self._index = count()
        self._lease = count()
        self._open: dict[int, int] = {}
        self._backend = LocalBackend(layout.start_message(job), log, job.timeout)
        try:
            for worker in range(layout.workers):
                self._backend.do(StartWorker(worker))
            waiting = layout.workers
            while waiting:
                for event in self._backend.events(TICK_S):
                    if isinstance(event, WorkerReady):
                        waiting -= 1
                    else:
                        _refuse(event)
        except BaseException:
            self.close()
            raise

    def measure(self, warm_s: float, seconds: float) -> Rate:
        """Feed for `warm_s`, count for `seconds`; `settle` awaits what is in work afterwards."""
        now = time.perf_counter()
        reports = [Report(now, worker, 0) for worker in range(self.layout.workers)]
        reports += self._answered_until(now + warm_s)
        pids = children()
        before, own = {pid: _threads(pid) for pid in pids}, _own_seconds()
        begun = time.perf_counter()
        reports += self._answered_until(begun + seconds)
        ended = time.perf_counter()
        own = _own_seconds() - own
        used = [_used(pid, before[pid], _threads(pid)) for pid in pids]
        heard: set[int] = set()
        while self._at_work() - heard:  # of each, the report that the end falls before
            late = self._answered(TICK_S, fill=False)
            heard |= {report.worker for report in late}
            reports += late
        told = self.layout.nthreads and not self.layout.decode_threads
        aside = sum(beside(one, self.layout.nthreads) for one in used) if told else 0.0
        images = answered(reports, begun, ended)
        return Rate(images, ended - begun, sum(map(sum, used)), aside, own)

    def settle(self) -> None:
        """Wait until nothing is in work."""
        while self._open:
            self._answered(TICK_S, fill=False)

    def close(self) -> None:
        """End the workers, whatever is in work."""
        self._backend.close()

    def _answered_until(self, moment: float) -> list[Report]:
        reports = self._answered(0.0, fill=True)
        while (left := moment - time.perf_counter()) > 0:
            reports += self._answered(min(left, TICK_S), fill=True)
        return reports

    def _answered(self, timeout_s: float, *, fill: bool) -> list[Report]:
        """What was answered; with `fill`, every worker has enough to do afterwards."""
        found = []
        for event in self._backend.events(timeout_s):
            _refuse(event)
            if isinstance(event, Answered):
                found.append(Report(time.perf_counter(), event.worker, len(event.answers)))
                self._open[event.lease] -= len(event.answers)
                if not self._open[event.lease]:
                    del self._open[event.lease]
        if fill:
            self._fill()
        return found

    def _at_work(self) -> set[int]:
        return {lease % self.layout.workers for lease in self._open}

    def _fill(self) -> None:
        workers, policy = self.layout.workers, Policy()
        held = [0] * workers
        for lease in self._open:
            held[lease % workers] += 1
        for worker in range(workers):
            while held[worker] < policy.leases:
                lease = next(n for n in self._lease if n % workers == worker)
                images = tuple(
                    self._images[index % len(self._images)]._replace(index=index)
                    for index, _ in zip(self._index, range(policy.chunk), strict=False)
                )
                self._open[lease] = policy.chunk
                held[worker] += 1
                self._backend.do(Lease(worker, lease, images, solo=False))


def _refuse(event: object) -> None:
    if isinstance(event, WorkerRefused):
        raise refusal(event)
    if isinstance(event, WorkerDied):
        raise BatchclsError(f"a worker died while it was measured ({event.cause})")


def children() -> list[int]:
    """Process numbers of this process's children."""
    found = []
    for task in Path("/proc/self/task").iterdir():
        found += [int(pid) for pid in (task / "children").read_text().split()]
    return found


def _threads(pid: int) -> dict[int, float]:
    """Processor seconds of a process's threads, by their numbers."""
    found = {}
    with contextlib.suppress(OSError):  # it has just ended, or one of its threads
        for task in Path(f"/proc/{pid}/task").iterdir():
            found[int(task.name)] = int((task / "schedstat").read_text().split()[0]) / 1e9
    return found


def _used(pid: int, before: Mapping[int, float], after: Mapping[int, float]) -> list[float]:
    """Processor seconds by thread, the main thread's first, the others' from the most down."""
    took = {thread: value - before.get(thread, 0.0) for thread, value in after.items()}
    return [took.pop(pid, 0.0), *sorted(took.values(), reverse=True)]


def beside(used: Sequence[float], nthreads: int) -> float:
    """What is left without the threads that infer."""
    return used[0] + sum(used[1 + nthreads :])


def _own_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
