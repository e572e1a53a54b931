"""A session with ``--follow``: labels what there is, waits for more, and labels that, until told.

Rules of this file:

1. The images that a wait brought are one batch: sorted, and on the frozen list before the first of
   them is labelled. So whatever ends the session, each has one line.
2. Complete results become the beginning of a new generation, as by `--extend`; results that are not
   complete grow in place, so that a batch costs what it is and not what the night has been.
3. Workers stay, with their models, while nothing is to be done.
4. Told to stop while it waits, the run is complete. Told while it labels, or lists everything for
   the first time, it is interrupted like any other.
"""

import contextlib
import logging
import time
from collections.abc import Callable
from itertools import chain

from batchcls.display import text
from batchcls.errors import InterruptedByUser, StoppedError
from batchcls.images import ImageRef
from batchcls.results import mark as marks
from batchcls.results.manifest import Manifest
from batchcls.running import device_check, growing
from batchcls.running.plan import GoOn, NewGeneration, goes_on_from
from batchcls.running.recorder import JournalLines
from batchcls.running.result import RunResult, result
from batchcls.running.resume import Ready, inputs_of
from batchcls.running.sampling import some_images
from batchcls.running.session import Asked, Session
from batchcls.sources.arrivals import Arrivals
from batchcls.sources.inputs import InputsList
from batchcls.sources.walk import Notes

log = logging.getLogger("batchcls")

TICK_S = 0.1
MOST_TOLD = 1000


class _ToldToStop(Exception):  # noqa: N818 - an event, not an error
    """A signal arrived while nothing was to be done."""


class FollowingSession(Session):
    """See `Session`."""

    def _run(
        self,
        decided: GoOn | NewGeneration,
        asked: Asked | None,
        begun: Callable[[], None],
        ask: device_check.Ask,
    ) -> RunResult:
        told: list[None] = []

        def begun_once() -> None:
            if not told:
                told.append(None)
                begun()

        self._begun = begun_once
        self._told: set[str] = set()
        self._without_workers = False
        arrivals = Arrivals(self._job, self._paths.directory, self._tell)
        with contextlib.closing(arrivals) as self._arrivals:
            try:
                return super()._run(decided, asked, begun_once, ask)
            except _ToldToStop:
                return self._nothing_came(goes_on_from(decided))

    # ---- before the first line

    def _list(self, decided: GoOn | NewGeneration, asked: Asked) -> InputsList:
        """The list to begin with: what is there, if lines are missing; else once there is more."""
        self._requests.at_once = False  # a stop request ends a wait in good order
        self._asked = asked
        before = goes_on_from(decided)
        listed = None if before is None else self._output.frozen(before, extends=True)
        if before is None or listed is None:
            return self._first_list(decided)
        self._arrivals.listed = self._paths.inputs
        if isinstance(decided, GoOn):
            return listed
        self._progress.on_listed(before.count, before.count, self._failed())
        self._team.load(lambda most, share: [])  # what images had to decide stands in the manifest
        self._output.require_same(before, listed, asked, self._team.loop.description)
        return self._wait_for_list(listed)

    def _first_list(self, decided: NewGeneration | GoOn) -> InputsList:
        found: list[InputsList] = []

        def sample(most: int, share: int) -> list[ImageRef]:
            """The first images decide how they are preprocessed; without workers till then."""
            self._without_workers = True
            found.append(self._wait_for_list(None))
            self._without_workers = False
            return some_images(self._job, self._output, decided, found[0], most, share)

        self._team.load(sample)  # a wrong model is told now, and not with the first image
        return found[0] if found else self._wait_for_list(None)

    def _wait_for_list(self, old: InputsList | None) -> InputsList:
        self._begun()
        while True:
            self._wait()
            if (listed := self._append(old)) is not None:
                self._progress.on_grown(listed.count, time.monotonic())
                return listed

    def _nothing_came(self, before: Manifest | None) -> RunResult:
        count, listed = (0, {}) if before is None else (len(before.lines), before.inputs)
        if before is None:
            self._progress.warn("no image came")
        self._presenter.end("done", "no new image came", self._team.loop.description)
        failed = {} if before is None else self._failed()
        return result(self._paths, listed, count, failed, self._job, resumed=count)

    def _tell(self, warning: str) -> None:
        """To the person at the terminal, and to the log, which has room for a long night's."""
        if warning not in self._told and len(self._told) < MOST_TOLD:
            self._told.add(warning)
            self._progress.warn(warning)
            log.warning("%s", warning)

    def _failed(self) -> dict[str, int]:
        """How many lines of the complete results are failures, by kind."""
        found = marks.read(self._storage, self._paths.commit)
        return {} if found is None else dict(found[0].failed)

    # ---- batch after batch

    def _work(self, ready: Ready, lines: JournalLines) -> None:
        self._arrivals.listed = self._paths.inputs
        listed = inputs_of(ready.manifest)
        try:
            super()._work(ready, lines)
            while True:
                self._wait()
                if (longer := self._append(listed)) is None:
                    continue
                listed = longer
                description = self._team.loop.description
                ready = growing.grow(self._output, ready, listed, self._asked, description)
                lines.stop = ready.images.stop
                self._progress.on_grown(len(ready.images), time.monotonic())
                log.info("%s images are on the list now", f"{listed.count:,}")
                super()._work(ready, lines)
        except _ToldToStop:
            pass
        finally:
            ready.work.close()
        self._team.coordinator.staying = False
        self._team.loop.work(lines)  # lets the workers leave

    def _wait(self) -> None:
        """Until a batch has come.

        Raises:
            _ToldToStop: a signal arrived.
            InterruptedByUser: it arrived before everything was listed once.
            StoppedError: the workers are gone.
        """
        try:
            if self._without_workers:
                while not self._due():
                    self._requests.check()
                    self._presenter.show(time.monotonic())
                    time.sleep(TICK_S)
            else:
                self._team.loop.until(self._due)
        except InterruptedByUser:
            if not self._arrivals.scanned:
                raise  # nobody knows what there is to label
            self._requests.forget()
            if held := self._arrivals.held():
                came = text.counted(held, "file has", "files have")
                self._tell(f"{came} come just now; the same command labels what is new")
            raise _ToldToStop from None
        if halted := self._team.loop.halted:
            raise StoppedError(f"{halted}; run the same command to resume")

    def _due(self) -> bool:
        now = time.monotonic()
        self._arrivals.turn(now)
        if self._arrivals.idle:
            self._progress.on_waiting(now)
        return self._arrivals.due(now) or bool(self._team.loop.halted)

    def _append(self, old: InputsList | None) -> InputsList | None:
        """A longer list; None if what came is no image after all."""
        began = time.monotonic()
        names = self._arrivals.take()
        first = next(names, None)
        if first is None:
            return None
        notes = Notes()
        batch = chain((first,), names)
        listed = growing.append(self._output, batch, self._arrivals.opened, old, notes)
        for note in notes.as_tuple():
            self._tell(note)
        self._arrivals.began(began)
        return listed
