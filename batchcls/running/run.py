"""The story of a run: list, load, coordinate, record, show.

Read top to bottom: `run` locks the output and sees what is there; workers start loading while the
sources are still being listed; the first worker that is ready says what it made of the model; then
the session loops until every image has its line, or somebody stops it.
"""

import contextlib
import json
import logging
import os
import socket
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from batchcls.backends.backend import Backend, OpenBackend
from batchcls.backends.local import LocalBackend
from batchcls.coordinator.coordinator import Coordinator
from batchcls.display import Display, open_display
from batchcls.display.progress import progress_file
from batchcls.display.progress.progress import Progress
from batchcls.display.snapshot import State
from batchcls.display.summary.perf_counts import total_layers, write_csv
from batchcls.display.summary.summary import summarise
from batchcls.display.summary.summary_lines import show_summary
from batchcls.errors import BatchclsError, InterruptedByUser, StoppedError, raised_elsewhere
from batchcls.images import Failure, ImageRef
from batchcls.job.job import Job
from batchcls.messages import (
    Answer,
    Event,
    LayerTime,
    StartWorker,
    WorkerDied,
    WorkerReady,
    WorkerRefused,
)
from batchcls.model.files.find import localised, model_path
from batchcls.results import record
from batchcls.results.lock import Lock
from batchcls.results.rundir import RunPaths, make_directory
from batchcls.results.storage import PosixStorage
from batchcls.running.allocation import decide
from batchcls.running.limits import policy
from batchcls.running.log import logging_to
from batchcls.running.loop import TICK_S, Session
from batchcls.running.machine import this_machine
from batchcls.running.recorder import JournalLines
from batchcls.running.result import RunResult, already_complete, result
from batchcls.running.resume import Output, Ready
from batchcls.running.signals import StopRequests, stop_requests

log = logging.getLogger("batchcls")

__all__ = ["RunResult", "run"]


def run(
    job: Job, open_backend: OpenBackend = LocalBackend, begun: Callable[[], None] = lambda: None
) -> RunResult:
    """Label every image of a job.

    Args:
        job: what to label, with what, and where the results go.
        open_backend: starts what the workers run in.
        begun: called when nothing can be wrong with the job any more and images are labelled.

    Returns:
        What came of it, once every image has its line.

    Raises:
        BatchclsError: the job is wrong (exit code 2), stopped early (4) or interrupted (128 + n);
            in the last two cases the same job goes on from there.
    """
    job.check()
    paths, storage = RunPaths.of(job.output), PosixStorage()
    job = localised(job)
    model_path(job.model)  # a missing model is said before a directory is made
    make_directory(paths, storage)
    with Lock.take(paths, storage) as lock, stop_requests() as requests:
        output = Output(job, paths, storage)
        if (manifest := output.nothing_to_do) is not None:
            output.check()
            return already_complete(paths, manifest.count, job)
        output.check()
        return _Run(job, paths, output, requests, begun, lock.warning).go(open_backend)


class _Run:
    """One sitting: everything between the lock and the last line."""

    def __init__(
        self,
        job: Job,
        paths: RunPaths,
        output: Output,
        requests: StopRequests,
        begun: Callable[[], None],
        warning: str,
    ) -> None:
        self._job = job
        self._begun = begun
        self._paths = paths
        self._output = output
        self._requests = requests
        self._machine = this_machine()
        self._allocation = decide(job, self._machine)
        self._display: Display = open_display("none")
        self._description: Mapping[str, Any] = {}
        self._progress = Progress(
            started=time.monotonic(),
            started_at=time.time(),
            model=model_path(job.model).name if job.model else "built-in photo quality model",
            devices=job.device,
            sources=job.sources,
            results=job.output,
            pid=os.getpid(),
            host=socket.gethostname(),
            workers=self._allocation.workers,
        )
        if warning:
            self._progress.warn(warning)

    def go(self, open_backend: OpenBackend) -> RunResult:
        with logging_to(self._paths.log, self._job.log_level):
            backend = open_backend(
                self._allocation.start_message(self._job), self._paths.log, self._job.timeout
            )
            with contextlib.closing(backend):
                try:
                    return self._sit(backend)
                except BatchclsError as error:
                    log.error("%s", error)
                    # Of a job that was refused (2) there is no more to tell.
                    self._end("stopped", str(error), told=error.exit_code != 2)
                    raise

    def _sit(self, backend: Backend) -> RunResult:
        backend.watch(self._requests.descriptor)
        for worker in range(self._allocation.workers):
            backend.do(StartWorker(worker))
        # From here on the workers load: what else there is to do costs no time.
        self._display = open_display(self._job.progress)
        if self._job.model is None:
            self._progress.warn(
                "no --model given: the built-in photo-quality model is used (ok, blurry, dark, …)"
            )
        if self._output.removed:
            self._progress.warn(
                f"{self._job.output} was removed since it was finished: starting over"
            )
        # A list on standard input may be waited for without end.
        self._requests.at_once = True
        total = self._output.list_inputs()
        self._requests.at_once = False
        if self._output.duplicates:
            self._progress.warn(f"{self._output.duplicates} images were listed twice; once counts")
        for note in self._output.skipped[:5]:
            self._progress.warn(note)
        self._progress.on_listed(total * self._job.number_iter)
        self._progress.on_state("loading")
        early = self._first_ready(backend)
        ready = self._output.open(self._description)
        with contextlib.closing(ready):
            journal = ready.journal
            if not journal.finished:
                return self._work(backend, ready, early, total)
            self._progress.on_listed(total, journal.count, journal.failed)
            self._end("done", "nothing new to label")
            return self._result(journal.failed, total, journal.count)

    def _first_ready(self, backend: Backend) -> list[Event]:
        """Wait until a worker has loaded the model; what was heard by then."""
        heard: list[Event] = []
        deaths: list[WorkerDied] = []
        while True:
            self._stop_if_asked()
            for event in backend.events(TICK_S):
                heard.append(event)
                if isinstance(event, WorkerReady):
                    self._check_ready(event.description)
                elif isinstance(event, WorkerRefused):
                    raise raised_elsewhere(event.error, event.message)
                elif isinstance(event, WorkerDied):
                    deaths.append(event)
            if self._description:
                return heard
            if len(deaths) >= self._allocation.workers:
                raise StoppedError(
                    f"no worker could load the model ({deaths[-1].cause}); "
                    f"{self._paths.log} may say more"
                )
            self._show()

    def _check_ready(self, description: Mapping[str, Any]) -> None:
        """Every worker must have made the same of the model."""
        if not self._description:
            self._description = description
        elif description["fingerprint"] != self._description["fingerprint"]:
            raise StoppedError(
                "a worker that was started later reads another model than the first one: a file "
                "of the model was changed while the run went on; put it back, then run the same "
                "command again"
            )

    def _work(self, backend: Backend, ready: Ready, early: list[Event], total: int) -> RunResult:
        job, journal, progress = self._job, ready.journal, self._progress
        resumed = journal.count
        progress.on_listed(total * job.number_iter, resumed, journal.failed)
        progress.on_state("running")
        coordinator = Coordinator(
            self._allocation.workers,
            ready.work,
            resumed,
            convicted,
            policy(job, self._allocation.workers, self._machine.memory),
        )
        session = Session(
            coordinator, backend, JournalLines(journal, total), progress, self._display,
            partial(progress_file.save, path=self._paths.progress),
            self._requests, self._check_ready,
        )  # fmt: skip
        self._begun()
        session.begin(early)
        session.run()
        journal.commit()
        if not coordinator.complete:
            self._stop_if_asked()
            raise StoppedError(f"{session.halted or 'the workers are gone'}")
        journal.finish()
        layers = self._layers(backend)
        self._end("done", "", layers)
        return self._result(journal.failed, total, resumed)

    # ---- endings

    def _stop_if_asked(self) -> None:
        if self._requests.count:
            raise InterruptedByUser(
                "stopped; the same command goes on from here", self._requests.first
            )

    def _end(
        self, state: State, reason: str, layers: tuple[LayerTime, ...] = (), *, told: bool = True
    ) -> None:
        progress, now = self._progress, time.monotonic()
        if self._requests.count and state != "done":
            state = "interrupted"
        progress.on_state(state)
        extra = {"description": self._description, "reason": reason}
        summary = summarise(progress.snapshot(now, time.time()), extra)
        progress.on_summary(summary.as_dict())
        snapshot = progress.snapshot(now, time.time())
        progress_file.save(snapshot, self._paths.progress)
        self._display.close(snapshot)
        with contextlib.suppress(OSError):
            self._paths.summary.write_text(json.dumps(summary.as_dict(), indent=1) + "\n")
        told = told and snapshot.total is not None and self._job.progress not in ("json", "none")
        if told:
            show_summary(summary, sys.stdout, layers)

    def _layers(self, backend: Backend) -> tuple[LayerTime, ...]:
        if not self._job.perf_counts:
            return ()
        layers = total_layers(backend.counters)
        try:
            write_csv(self._paths.perf_counts, layers)
        except OSError as error:
            self._progress.warn(f"{self._paths.perf_counts}: {error.strerror}")
        return layers

    def _result(self, failed: Mapping[str, int], total: int, resumed: int) -> RunResult:
        snapshot = self._progress.snapshot(time.monotonic())
        return result(
            self._paths, total, failed, self._job, resumed, snapshot.elapsed_s, snapshot.rate_mean
        )

    # ---- showing

    def _show(self) -> None:
        self._display.show(self._progress.snapshot(time.monotonic()))


def convicted(image: ImageRef, failure: Failure) -> Answer:
    """The line of an image that kills its workers."""
    return Answer(image.index, record.failure_line(image, failure), failure.kind)
