"""The loop of a run: events in, the coordinator's commands out, lines to the journal.

The only loop of the coordinator process. It decides nothing about images; it carries out, keeps
time, and sees to it that a stop request is obeyed within bounds.
"""

import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from batchcls.backends.backend import Backend
from batchcls.coordinator.coordinator import Coordinator
from batchcls.display import Display
from batchcls.display.progress.progress import Progress
from batchcls.display.snapshot import Snapshot, State
from batchcls.messages import (
    Command,
    Event,
    Halt,
    Record,
    WorkerDied,
    WorkerReady,
)
from batchcls.running.signals import StopRequests

log = logging.getLogger("batchcls")

TICK_S = 0.1
ADVANCE_S = 0.2
LAST_ADVANCE_S = 0.5
SNAPSHOT_S = 0.25
DRAIN_S = 3.5
LEAVE_S = 2.0


class Lines(Protocol):
    """Where recorded lines go."""

    def record(self, record: Record) -> None:
        """Append lines."""

    def tick(self, now: float) -> None:
        """Commit what is due."""


class Session:
    """One sitting of a run, from the first lease to the last line or a stop.

    Args:
        coordinator: decides.
        backend: the workers.
        lines: takes the lines.
        progress: counts.
        display: shows.
        publish: told a snapshot every second, for other terminals.
        requests: stop signals.
        ready: checks what a worker resolved, before it gets work; raises when it is refused.
    """

    def __init__(
        self,
        coordinator: Coordinator,
        backend: Backend,
        lines: Lines,
        progress: Progress,
        display: Display,
        publish: Callable[[Snapshot], object],
        requests: StopRequests,
        ready: Callable[[Mapping[str, Any]], None],
    ) -> None:
        self._coordinator = coordinator
        self._backend = backend
        self._lines = lines
        self._progress = progress
        self._display = display
        self._publish = publish
        self._requests = requests
        self._ready = ready
        self._shown = 0.0
        self._published = 0.0
        self._behind = False  # there are more lines to record than there was time for
        self.halted = ""

    def begin(self, early: Sequence[Event]) -> None:
        """Take in what was heard before there was a coordinator."""
        for event in early:
            self._handle(event)

    def run(self) -> None:
        """Work until all is recorded, a stop request is obeyed, or the coordinator halts.

        Afterwards `halted` says why it halted, if it did.

        Raises:
            BatchclsError: a worker or the results file says that the run cannot go on.
        """
        give_up: float | None = None
        self._advance()
        while self._backend.alive and not self.halted:
            for event in self._backend.events(0.0 if self._behind else TICK_S):
                self._handle(event)
            self._advance()
            now = time.monotonic()
            if self._requests.count:
                self._requests.clear()
                if not self._coordinator.draining:
                    self._progress.on_state("draining")
                    self._obey(self._coordinator.drain())
                    give_up = now + DRAIN_S
                if self._requests.count > 1:
                    break
            elif give_up is None and self._coordinator.complete:
                give_up = now + LEAVE_S
            if give_up is not None and now > give_up:
                break
            self._lines.tick(now)
            self.show(now)
        # Whoever asked for a stop does not wait for what the next sitting can do again.
        self._advance(LAST_ADVANCE_S if self._requests.count else math.inf)

    def show(self, now: float, state: State | None = None) -> None:
        """Let the display and other terminals know, as often as is useful."""
        if state is not None:
            self._progress.on_state(state)
        elif now - self._shown < SNAPSHOT_S:
            return
        self._shown = now
        snapshot = self._progress.snapshot(now)
        self._display.show(snapshot)
        if now - self._published >= 1.0 or state is not None:
            self._published = now
            self._publish(snapshot)

    def _handle(self, event: Event) -> None:
        match event:
            case WorkerReady():
                self._ready(event.description)
            case WorkerDied() if not self._leaving:
                self._tell_death(event)
        self._progress.on_event(event, time.monotonic())
        self._obey(self._coordinator.handle(event))

    @property
    def _leaving(self) -> bool:
        return self._coordinator.draining or self._coordinator.complete

    def _tell_death(self, event: WorkerDied) -> None:
        where = f" during {event.stage} of image {event.in_flight[0]}" if event.in_flight else ""
        log.warning("worker %d died (%s)%s", event.worker, event.cause, where)

    def _advance(self, seconds: float = ADVANCE_S) -> None:
        """Do what can be done; no longer than that, lest workers and signals wait.

        When an image that hung is done with, hundreds of thousands of lines may follow it at once.
        """
        until = time.monotonic() + seconds
        self._behind = False
        while not self.halted and not self._behind and (commands := self._coordinator.advance()):
            self._obey(commands)
            self._behind = time.monotonic() > until

    def _obey(self, commands: list[Command]) -> None:
        for command in commands:
            match command:
                case Record():
                    self._lines.record(command)
                    self._progress.on_recorded(command.answers, time.monotonic())
                case Halt(reason):
                    self.halted = reason
                case _:
                    self._backend.do(command)
