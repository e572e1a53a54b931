"""The run's own workers at full speed: fed round and round, their answers counted.

No journal and no display: what is measured is what a long job sees between its first and its last
image. Workers load once; several measurements can be taken of the same ones.
"""

import time
from collections.abc import Sequence
from itertools import count
from pathlib import Path

from batchcls.backends.allocation import Allocation
from batchcls.backends.local import LocalBackend
from batchcls.backends.machine import child_processes, own_seconds, thread_seconds
from batchcls.bench.rate import Rate, Report, answered, beside, spent
from batchcls.coordinator.policy import Policy
from batchcls.errors import BatchclsError, raised_elsewhere
from batchcls.images import ImageRef
from batchcls.job.fast_plan import FastPlan
from batchcls.job.job import Job
from batchcls.messages import (
    Answered,
    Lease,
    StartWorker,
    WorkerDied,
    WorkerReady,
    WorkerRefused,
)

TICK_S = 0.1


class Feed:
    """The workers of one layout, loaded, and kept busy while a measurement lasts.

    Args:
        layout: workers, and what each gets.
        images: to be answered, again and again.
        fast: what `--fast` does with them.

    Raises:
        BatchclsError: the job is wrong, or a worker dies.
    """

    def __init__(
        self,
        job: Job,
        layout: Allocation,
        images: Sequence[ImageRef],
        log: Path,
        fast: FastPlan | None = None,
    ) -> None:
        self.layout = layout
        self._images = images
        self._index = count()
        self._lease = count()
        self._open: dict[int, int] = {}
        start = layout.start_message(job).looking(fast, log.parent)
        self._backend = LocalBackend(start, log, job.timeout)
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
        pids = child_processes()
        before, own = {pid: thread_seconds(pid) for pid in pids}, own_seconds()
        begun = time.perf_counter()
        reports += self._answered_until(begun + seconds)
        ended = time.perf_counter()
        own = own_seconds() - own
        used = [spent(pid, before[pid], thread_seconds(pid)) for pid in pids]
        heard: set[int] = set()
        while self._at_work() - heard:  # of each, the report that the end falls before
            late = self._answered(TICK_S, fill=False)
            heard |= {report.worker for report in late}
            reports += late
        known = self.layout.nthreads and not self.layout.decode_threads
        aside = sum(beside(one, self.layout.nthreads) for one in used) if known else 0.0
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
        raise raised_elsewhere(event.error, event.message)
    if isinstance(event, WorkerDied):
        raise BatchclsError(f"a worker died during the measurement ({event.cause})")
