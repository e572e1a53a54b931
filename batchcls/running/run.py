"""The story of a run: list, load, coordinate, record, show.

Read top to bottom: `run` locks the output and sees what is there; workers start loading while the
sources are still being listed; the first worker that is ready says what it made of the model; then
the loop goes round until every image has its line, or somebody stops it.
"""

import contextlib
import logging
import os
import socket
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from batchcls.backends.backend import OpenBackend
from batchcls.backends.local import LocalBackend
from batchcls.backends.localised import localised
from batchcls.display import text
from batchcls.display.progress.progress import Progress
from batchcls.display.snapshot import State
from batchcls.errors import BatchclsError, DistrustedError, RefusedError, StoppedError
from batchcls.job.job import Job
from batchcls.messages import LayerTime
from batchcls.model.compile.compiled_files import sweep_after
from batchcls.model.files.find import model_path
from batchcls.results.lock import Lock
from batchcls.results.rundir import RunPaths, make_directory, remove_unbegun
from batchcls.results.storage import PosixStorage, Storage
from batchcls.running import device_check, fingerprint
from batchcls.running.log import logging_to
from batchcls.running.look import look
from batchcls.running.plan import Finished, GoOn, NewGeneration, Refused, goes_on_from, plan
from batchcls.running.presenter import Presenter
from batchcls.running.recorder import JournalLines
from batchcls.running.result import RunResult, already_complete, result
from batchcls.running.resume import Output, Ready
from batchcls.running.sampling import some_images
from batchcls.running.signals import StopRequests, stop_requests
from batchcls.running.team import Team
from batchcls.sources.inputs import InputsList

log = logging.getLogger("batchcls")

Asked = Mapping[str, Any]
"""What `fingerprint.asked` makes of a job."""

__all__ = ["RunResult", "run"]


def run(
    job: Job,
    open_backend: OpenBackend = LocalBackend,
    begun: Callable[[], None] = lambda: None,
    storage: Storage | None = None,
    ask: device_check.Ask = device_check.ask,
) -> RunResult:
    """Label every image of a job.

    Args:
        job: what to label, with what, and where the results go.
        open_backend: starts what the workers run in.
        begun: called when nothing can be wrong with the job any more and images are labelled.
        storage: the file system; None is this machine's.
        ask: begins the check of devices.

    Returns:
        What came of it, once every image has its line.

    Raises:
        BatchclsError: the job is wrong (exit code 2), stopped early (4) or interrupted (128 + n);
            in the last two cases running the same job resumes it.
    """
    job.check()
    paths, storage = RunPaths.of(job.output), storage or PosixStorage()
    job = localised(job)
    model_path(job.model)  # a missing model is said before a directory is made
    make_directory(paths, storage)
    with Lock.take(paths, storage) as lock, stop_requests() as requests:
        output = Output(job, paths, storage)
        try:
            found = look(paths, storage, fresh=job.fresh)
            # To hash a large model takes a while: before workers load only where it may be of use.
            asked = fingerprint.asked(job) if found.complete and not output.again else None
            decided = plan(found, output.request(found, asked))
            match decided:
                case Refused(error):
                    raise error
                case Finished(manifest, failed):
                    return already_complete(paths, manifest, failed, job)
                case GoOn() | NewGeneration():
                    session = _Session(job, output, requests, begun, lock.warning, ask)
                    try:
                        return session.run(open_backend, decided, asked)
                    except (RefusedError, OSError):
                        lock.require_in_place()
                        raise
                    finally:
                        output.forget_prepared()
                        sweep_after(job)
        except BatchclsError as error:
            if error.exit_code == 2:  # refused, and nothing of it is of use
                remove_unbegun(paths, storage)
            raise


class _Session:
    """What lies between the lock and the last line."""

    def __init__(
        self,
        job: Job,
        output: Output,
        requests: StopRequests,
        begun: Callable[[], None],
        warning: str,
        ask: device_check.Ask,
    ) -> None:
        self._job = job
        self._ask = ask
        self._checked = device_check.Checked()
        self._begun = begun
        self._output = output
        self._paths = output.paths
        self._requests = requests
        self._team = Team(job, requests)
        self._progress = Progress(
            started=time.monotonic(),
            started_at=time.time(),
            model=model_path(job.model).name if job.model else "built-in photo-quality model",
            devices=job.device,
            sources=job.sources,
            results=job.output,
            pid=os.getpid(),
            host=socket.gethostname(),
            workers=self._team.workers,
        )
        self._presenter = Presenter(job, output.paths, self._progress)
        if warning:
            self._progress.warn(warning)

    def run(
        self, open_backend: OpenBackend, decided: GoOn | NewGeneration, asked: Asked | None
    ) -> RunResult:
        team = self._team
        if (kept := goes_on_from(decided)) is not None:
            team.guess = kept.settings.get("guess")
        with logging_to(self._paths.log, self._job.log_level), contextlib.closing(team):
            team.start(open_backend, self._presenter, self._paths.log)
            try:
                return self._run(decided, asked)
            except BatchclsError as error:
                log.error("%s", error)
                state: State = "interrupted" if self._requests.count else "stopped"
                # A job that was refused (2) has nothing to sum up.
                summary = error.exit_code != 2
                self._presenter.end(state, str(error), team.loop.description, summary=summary)
                raise

    def _run(self, decided: GoOn | NewGeneration, asked: Asked | None) -> RunResult:
        # The workers load: what else there is to do costs no time.
        self._presenter.open()
        self._warn(decided)
        ready, listed = self._open(decided, asked)
        total = len(ready.images)
        with contextlib.closing(ready):
            journal, resumed = ready.journal, ready.journal.count
            for note in ready.notes:
                self._progress.warn(note)
            if journal.finished:
                self._progress.on_listed(total, resumed, journal.failed)
                self._presenter.end("done", "nothing new to label", self._team.loop.description)
            else:
                try:
                    self._label(ready)
                except DistrustedError:
                    self._checked.forget()
                    raise
                layers = self._layers()
                self._presenter.end("done", "", self._team.loop.description, layers)
            snapshot = self._progress.snapshot(time.monotonic())
            return result(
                self._paths, listed.as_dict(), total, journal.failed, self._job, resumed,
                snapshot.elapsed_s, snapshot.rate_mean,
            )  # fmt: skip

    def _open(self, decided: GoOn | NewGeneration, asked: Asked | None) -> tuple[Ready, InputsList]:
        """The output, ready for lines, and its list."""
        fresh = self._output.again == "fresh"
        begun = decided.manifest if fresh and isinstance(decided, GoOn) else None
        try:
            # A list on standard input may be waited for without end.
            self._requests.at_once = True
            asked = asked or fingerprint.asked(self._job)
            listed = self._output.list_inputs(decided)
            self._requests.at_once = False
            self._listed(listed)
            sample = partial(some_images, self._job, self._output, decided, listed)
            self._team.load(sample)
            loop = self._team.loop
            self._checked = checked = device_check.check(
                self._team.start_message, {"asked": asked, **loop.description}, sample,
                self._paths.log, self._ask, loop.until,
            )  # fmt: skip
            guess = {"guess": self._team.guess}
            loop.description = {**loop.description, **checked.as_dict(), **guess}
            loop.on_agreement(checked.found)
            for warning in checked.warnings:
                self._progress.warn(warning)
            ready = self._output.open(decided, listed, asked, loop.description)
        except RefusedError as refusal:
            if begun is None:
                raise
            log.warning("starting over: %s", refusal)
            self._progress.warn(
                "what an earlier `--fresh` began cannot be resumed; starting over "
                f"({self._paths.log} says why)"
            )
            return self._open(NewGeneration(begun, "fresh"), asked)
        if begun is not None:
            self._progress.warn(
                "resuming what an earlier `--fresh` began; to start over instead, remove "
                f"{self._paths.part} first"
            )
        return ready, listed

    def _warn(self, decided: GoOn | NewGeneration) -> None:
        job, warn = self._job, self._progress.warn
        if job.model is None:
            warn(
                "no --model given: the built-in one judges photo quality (ok, blurry, dark, …); "
                "`--model imagenet` says what the photos show"
            )
        if isinstance(decided, NewGeneration) and decided.reason == "removed":
            warn(f"{job.output} was complete and has been removed; starting over")
        if where := self._output.moved_to(decided):
            warn(f"the images have moved and are read from {where}")

    def _listed(self, listed: InputsList) -> None:
        """Tell of the list."""
        if listed.duplicates:
            repeats = text.counted(listed.duplicates, "repeated path was", "repeated paths were")
            self._progress.warn(f"{repeats} dropped from the list; each image is labelled once")
        for note in listed.skipped[:5]:
            self._progress.warn(note)
        images = len(self._output.images(listed))
        self._progress.on_listed(images * self._job.number_iter)
        self._progress.on_state("loading")

    def _label(self, ready: Ready) -> None:
        """Label every image that has no line yet."""
        journal, count = ready.journal, len(ready.images)
        self._progress.on_listed(count * self._job.number_iter, journal.count, journal.failed)
        self._progress.on_state("running")
        self._begun()
        self._team.coordinator.begin(ready.work, journal.next)
        self._team.loop.work(JournalLines(journal, ready.images.stop))
        journal.commit()
        if not self._team.coordinator.complete:
            self._requests.check()
            raise StoppedError(
                self._team.loop.halted
                or "every worker has ended, though images are left; run the same command to resume"
            )
        journal.finish()

    def _layers(self) -> tuple[LayerTime, ...]:
        if not self._job.perf_counts:
            return ()
        from batchcls.display.summary.perf_counts import total_layers, write_csv

        layers = total_layers(self._team.backend.counters)
        try:
            write_csv(self._paths.perf_counts, layers)
        except OSError as error:
            self._progress.warn(f"cannot write {self._paths.perf_counts}: {error.strerror}")
        return layers
