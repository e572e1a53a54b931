"""A session from its workers' start to its end: lists, waits for the model, labels, sums up.

Workers load while the sources are listed; the first that is ready says what it made of the model;
then the loop goes round until every image has its line, or somebody stops it. Imported when the
workers have been started, so that what only this needs delays none of them.
"""

import contextlib
import logging
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from batchcls.display import text
from batchcls.display.snapshot import State
from batchcls.errors import BatchclsError, DistrustedError, RefusedError, StoppedError
from batchcls.job.job import Job
from batchcls.messages import LayerTime
from batchcls.model.compile.compiled_files import sweep_after
from batchcls.results.manifest import FEATURES
from batchcls.results.rundir import RunPaths
from batchcls.results.storage import Storage
from batchcls.running import device_check, fingerprint, rounding
from batchcls.running.night_watch import NightWatch
from batchcls.running.plan import GoOn, NewGeneration
from batchcls.running.presenter import Presenter
from batchcls.running.recorder import JournalLines
from batchcls.running.result import RunResult, result
from batchcls.running.resume import Output, Ready
from batchcls.running.sampling import some_images
from batchcls.running.signals import StopRequests
from batchcls.running.team import Team
from batchcls.sources.inputs import InputsList

log = logging.getLogger("batchcls")

Asked = Mapping[str, Any]
"""What `fingerprint.asked` makes of a job."""


class Session:
    """What lies between the workers' start and the last line.

    Args:
        team: who labels; has been started.
    """

    def __init__(
        self,
        job: Job,
        paths: RunPaths,
        storage: Storage,
        team: Team,
        presenter: Presenter,
        requests: StopRequests,
    ) -> None:
        self._job = job
        self._checked = device_check.Checked()
        self._output = Output(job, paths, storage)
        self._paths, self._storage = paths, storage
        self._requests = requests
        self._team = team
        self._presenter = presenter
        self._progress = presenter.progress

    def run(
        self,
        decided: GoOn | NewGeneration,
        asked: Asked | None,
        begun: Callable[[], None],
        ask: device_check.Ask | None,
    ) -> RunResult:
        """Label every image.

        Args:
            asked: by `fingerprint.asked`, if it is known by now.
            begun: called when nothing can be wrong with the job any more.
            ask: begins the check of devices; None asks a process on this machine.

        Raises:
            BatchclsError: the job is wrong, stopped early or interrupted.
        """
        try:
            return self._run(decided, asked, begun, ask or device_check.ask)
        except BatchclsError as error:
            log.error("%s", error)
            state: State = "interrupted" if self._requests.count else "stopped"
            # A job that was refused (2) has nothing to sum up.
            summary = error.exit_code != 2
            self._presenter.end(state, str(error), self._team.loop.description, summary=summary)
            raise
        finally:
            self._team.close()  # what a worker leaves half compiled is swept, too
            self._output.forget_prepared()
            sweep_after(self._job)

    def _run(
        self,
        decided: GoOn | NewGeneration,
        asked: Asked | None,
        begun: Callable[[], None],
        ask: device_check.Ask,
    ) -> RunResult:
        self._presenter.open()
        self._warn(decided)
        ready, listed = self._open(decided, asked, ask)
        with contextlib.closing(ready):
            journal, resumed = ready.journal, ready.journal.count
            for note in ready.notes:
                self._progress.warn(note)
            if journal.finished:
                self._settle(ready)
                self._progress.on_listed(len(ready.images), resumed, journal.failed)
                self._presenter.end("done", "nothing new to label", self._team.loop.description)
            else:
                try:
                    self._label(ready, begun)
                except DistrustedError:
                    self._checked.forget()
                    raise
                self._settle(ready)
                layers = self._layers()
                faster = self._faster()
                self._presenter.end("done", "", self._team.loop.description, layers, faster=faster)
            snapshot = self._progress.snapshot(time.monotonic())
            return result(
                self._paths, listed.as_dict(), journal.count, journal.failed, self._job, resumed,
                snapshot.elapsed_s, snapshot.rate_mean,
            )  # fmt: skip

    def _open(
        self, decided: GoOn | NewGeneration, asked: Asked | None, ask: device_check.Ask
    ) -> tuple[Ready, InputsList]:
        """The output, ready for lines, and its list."""
        fresh = self._job.fresh
        resumed = decided.manifest if fresh and isinstance(decided, GoOn) else None
        try:
            # A list on standard input may be waited for without end.
            self._requests.at_once = True
            asked = asked or fingerprint.asked(self._job)
            listed = self._list(decided, asked)
            self._requests.at_once = False
            self._listed(listed)
            sample = partial(some_images, self._job, self._output, decided, listed)
            self._sample = sample
            total = len(self._output.images(listed)) * self._job.number_iter
            self._team.load(sample, total)
            loop = self._team.loop
            self._checked = checked = device_check.check(
                self._team.start_message, {"asked": asked, **loop.description}, sample,
                self._paths.log, ask, loop.until,
            )  # fmt: skip
            fast = self._team.fast
            decisions = {"guess": self._team.guess, "fast": fast and fast.as_dict()}
            loop.description = {**loop.description, **checked.as_dict(), **decisions}
            loop.on_agreement(checked.found)
            for warning in checked.warnings:
                self._progress.warn(warning)
            ready = self._output.open(decided, listed, asked, loop.description)
        except RefusedError as refusal:
            if resumed is None:
                raise
            log.warning("starting over: %s", refusal)
            self._progress.warn(
                "what an earlier `--fresh` began cannot be resumed; starting over "
                f"({self._paths.log} says why)"
            )
            return self._open(NewGeneration(resumed, "fresh"), asked, ask)
        if resumed is not None:
            self._progress.warn(
                "resuming what an earlier `--fresh` began; to start over instead, remove "
                f"{self._paths.part} first"
            )
        return ready, listed

    def _list(self, decided: GoOn | NewGeneration, asked: Asked) -> InputsList:
        """The images, frozen; until then a stop request raises where it arrives."""
        return self._output.list_inputs(decided)

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

    def _label(self, ready: Ready, begun: Callable[[], None]) -> None:
        """Label every image that has no line yet."""
        journal, count = ready.journal, len(ready.images)
        self._progress.on_listed(count * self._job.number_iter, journal.count, journal.failed)
        self._progress.on_state("running")
        begun()
        files, warn = (self._storage, self._paths), self._progress.warn
        self._team.loop.rounding.note_to(
            lambda echo: rounding.note_worker(*files, echo, journal.next, warn)
        )
        rows = ready.embeddings
        lines = JournalLines(journal, ready.images.stop, rows.blank if rows else None)
        with contextlib.closing(NightWatch(self._team, *files, ready, lines)) as watch:
            watch.before()
            self._work(ready, lines)
            for warning in watch.after():
                warn(warning)
        journal.finish()

    def _settle(self, ready: Ready) -> None:
        """Give the file of features its name, where there is one."""
        if FEATURES in ready.manifest.fingerprint:
            from batchcls.results import embeddings

            embeddings.settle(self._paths, self._storage)

    def _work(self, ready: Ready, lines: JournalLines) -> None:
        self._team.coordinator.begin(ready.work, ready.journal.next)
        self._team.loop.work(lines)
        ready.journal.commit()
        if not self._team.coordinator.complete:
            self._requests.check()
            raise StoppedError(self._team.loop.halted or self._team.loop.deserted)

    def _faster(self) -> str:
        from batchcls.running import fast_hint

        team, shot = self._team, self._progress.snapshot(time.monotonic())
        return fast_hint.words(
            team.start_message, team.loop.description, shot, team.workers, self._sample,
            self._paths.log, self._requests.check,
        )  # fmt: skip

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
