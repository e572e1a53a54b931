"""The workers of a session with their coordinator and the loop between them; may be started anew.

That happens where the first worker finds that its model does not say how images are preprocessed:
then some of the run's images decide, and others are started that know.
"""

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from batchcls.backends.allocation import decide
from batchcls.backends.backend import Backend, OpenBackend
from batchcls.backends.machine import this_machine
from batchcls.coordinator.coordinator import Coordinator
from batchcls.coordinator.reorder import Spill
from batchcls.errors import StoppedError, UndecidedError
from batchcls.images import ImageRef
from batchcls.job.job import Job
from batchcls.results import record
from batchcls.results.disk_errors import guard
from batchcls.running.limits import policy
from batchcls.running.loop import EventLoop
from batchcls.running.presenter import Presenter
from batchcls.running.signals import StopRequests
from batchcls.wire.start import StartMessage

if TYPE_CHECKING:
    from batchcls.job.fast_plan import FastPlan

Sample = Callable[[int, int], Sequence[ImageRef]]
"""At most so many of the run's images, and at most one in so many of them."""


class Team:
    """Who labels.

    Args:
        job: the run.
        requests: stop signals.

    Attributes:
        workers: how many there are to be.
        guess: what was chosen where the model does not say how its images are preprocessed, as the
            manifest has it; None where there was nothing to choose.
        fast: what `--fast` does in this run; None where it is not asked for, or not decided yet.
    """

    backend: Backend
    coordinator: Coordinator
    loop: EventLoop
    start_message: StartMessage

    def __init__(self, job: Job, requests: StopRequests) -> None:
        machine = this_machine()
        self._job, self._requests = job, requests
        self._allocation = decide(job, machine)
        # Machines of a cluster divide themselves as they join.
        self.workers = 0 if job.cluster else self._allocation.workers
        memory = 0 if job.cluster else machine.memory
        self._policy = policy(job, self._allocation.workers, memory)
        self._end = contextlib.ExitStack()
        self.guess: Mapping[str, Any] | None = None
        self.fast: FastPlan | None = None

    def start(self, open_backend: OpenBackend, presenter: Presenter, log: Path) -> None:
        """Start the workers, in place of others if there are any.

        Args:
            open_backend: what they run in.
            presenter: shows what they do.
            log: of the run.
        """
        self.close()
        self._open, self._presenter, self._log = open_backend, presenter, log
        message = self._allocation.start_message(self._job)
        guess = None if self.guess is None else self.guess["name"]
        message = replace(message, guess=guess).looking(self.fast, log.parent)
        self.start_message = message
        with guard(log):
            self.backend = open_backend(message, log, self._job.timeout)
        self._end.callback(self.backend.close)
        self.coordinator = Coordinator(
            self.workers, record.failure_answer, self._policy, self._overflow
        )
        self.coordinator.staying = self._job.follow
        self.loop = EventLoop(
            self.coordinator, self.backend, presenter, self._requests,
            mixed=self._job.mixed_processors,
        )  # fmt: skip
        self.backend.watch(self._requests.descriptor)
        for command in self.coordinator.start():
            self.backend.do(command)

    def load(self, sample: Sample, total: int = 0) -> None:
        """Wait until a worker has loaded the model; let images decide what only they can.

        Args:
            total: images of the run; what is to be measured on them is left out where it is 0.

        Raises:
            InterruptedByUser: a signal arrived.
            BatchclsError: the job is wrong, or no worker can load the model.
        """
        try:
            self._load(sample)
        except UndecidedError:
            # A run whose model is known pays for none of this.
            from batchcls.running import guessing

            self.close()  # the cores are the trial's
            images = sample(guessing.MOST_IMAGES, 1)
            self.guess = guessing.decide(self._job, images, self._log, self._wait)
            self.start(self._open, self._presenter, self._log)
            self._load(sample)
        if self._job.fast and self.fast is None and not self.loop.halted:
            from batchcls.running import fast_trial

            self.close()  # the cores are the trial's
            images = sample(fast_trial.IMAGES, 1)
            self.fast = fast_trial.decide(
                self.start_message, images, total, self.workers, self._log, self._wait
            )
            self.start(self._open, self._presenter, self._log)
            self._load(sample)
        if self.loop.halted:
            raise StoppedError(f"{self.loop.halted}; {self._log} may say more")
        if self.guess is not None:
            self._presenter.progress.warn(self.guess["words"])
        if self.fast is not None and self.fast.words:
            self._presenter.progress.warn(self.fast.words)

    def close(self) -> None:
        """End the workers."""
        self._end.close()

    def _load(self, sample: Sample) -> None:
        if self._job.cluster:
            from batchcls.backends.cluster import ClusterBackend
            from batchcls.backends.fitness import SAMPLE, unlooked

            if isinstance(self.backend, ClusterBackend):
                self.backend.look_for(sample)
                if words := unlooked(sample(SAMPLE, 1)):
                    self._presenter.progress.warn(words)
        self.loop.load()

    def _overflow(self) -> Spill:
        # Hardly a run needs it, and it loads more than the rest.
        from batchcls.results.overflow import Overflow

        overflow = Overflow(self._log.parent)
        self._end.callback(overflow.close)
        return overflow

    def _wait(self) -> None:
        self._requests.check()
        self._presenter.show(time.monotonic())
