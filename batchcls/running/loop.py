"""The loop of a session: events in, the coordinator's commands out, lines to the journal.

The only loop of the coordinator process. It decides nothing about images; it carries out, keeps
time, and sees to it that a stop request is obeyed within bounds.
"""

import logging
import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from batchcls.backends.backend import Backend
from batchcls.coordinator.coordinator import Coordinator
from batchcls.errors import StoppedError, raised_elsewhere
from batchcls.messages import (
    Answered,
    Command,
    Event,
    Halt,
    MachineJoined,
    MachineLeftOut,
    MachineLost,
    Record,
    RetireMachine,
    WorkerDied,
    WorkerReady,
    WorkerRefused,
)
from batchcls.model.devices.agreement import Agreement
from batchcls.results import echoes
from batchcls.running.night import Night
from batchcls.running.presenter import Presenter
from batchcls.running.rounding import Rounding
from batchcls.running.signals import StopRequests

log = logging.getLogger("batchcls")

TICK_S = 0.25
TELL_S = 1.0
ADVANCE_S = 0.2
LAST_ADVANCE_S = 0.5
DRAIN_S = 3.5
LEAVE_S = 2.0


class Lines(Protocol):
    """Where recorded lines go."""

    def record(self, record: Record) -> None:
        """Append lines."""

    def tick(self, now: float) -> None:
        """Commit what is due."""


class Watch(Protocol):
    """Looks after devices that are compared with the CPU; ends the run where they fail."""

    def note(self, event: Answered) -> None:
        """Take in a worker's report and its lines."""

    def tick(self, now: float) -> None:
        """Do what is due."""


class EventLoop:
    """Carries events to the coordinator and its commands out.

    Args:
        coordinator: decides; was started, so that the workers load the model.
        backend: the workers.
        presenter: shows.
        requests: stop signals.
        mixed: workers may round differently.

    Attributes:
        description: what the first worker made of the model (JSON data), empty before that.
        halted: why the coordinator halted, "" if it did not.
        rounding: of the workers.
        night: what the workers report of checked devices.
        watch: looks at what they leave unchecked; None where no device is checked.
    """

    def __init__(
        self,
        coordinator: Coordinator,
        backend: Backend,
        presenter: Presenter,
        requests: StopRequests,
        *,
        mixed: bool = False,
    ) -> None:
        self._coordinator = coordinator
        self._backend = backend
        self._presenter = presenter
        self._requests = requests
        self.rounding = Rounding(mixed=mixed)
        self._lines: Lines | None = None
        self._loaded = False
        self.night = Night()
        self.watch: Watch | None = None
        self._names: dict[int, str] = {}  # of machines that joined
        self._lost: deque[str] = deque(maxlen=4)
        self._behind = False  # there are more lines to record than there was time for
        self.description: Mapping[str, Any] = {}
        self.halted = ""

    def load(self) -> None:
        """Wait until a worker has loaded the model, or the coordinator halts.

        Raises:
            InterruptedByUser: a signal arrived.
            BatchclsError: a worker says that the job is wrong.
        """
        self.until(lambda: self._loaded or bool(self.halted))

    def until(self, done: Callable[[], bool]) -> None:
        """Let the workers load on until something else is done.

        Raises:
            InterruptedByUser: a signal arrived.
            BatchclsError: a worker says that the job is wrong.
        """
        while not done():
            self._requests.check()
            self._turn(TICK_S)
            self._presenter.show(time.monotonic())

    def on_agreement(self, found: Iterable[Agreement]) -> None:
        """How devices agreed with the CPU before the first line, and since, all in all."""
        for one in found:
            self.night.begin(one.device, one.agreed, one.clear)
        self._presenter.progress.on_agreement(self.night.told())

    def work(self, lines: Lines) -> None:
        """Work until all is recorded, a stop request is obeyed, or the coordinator halts.

        Args:
            lines: takes the lines, from the one on that the coordinator was told to begin with.

        Raises:
            BatchclsError: a worker or the results file says that the run cannot go on.
        """
        self._lines = lines
        give_up, told_at = None, 0.0
        self._advance()
        while self._backend.alive and not self.halted:
            self._turn(0.0 if self._behind else TICK_S)
            now = time.monotonic()
            if self._requests.count:
                self._requests.clear()
                if not self._coordinator.draining:
                    self._presenter.progress.on_state("draining")
                    self._obey(self._coordinator.drain())
                    give_up = now + DRAIN_S
                if self._requests.count > 1:
                    break
            elif give_up is None and self._coordinator.complete:
                give_up = now + (0.0 if self._coordinator.staying else LEAVE_S)
            if give_up is not None and now >= give_up:
                break
            lines.tick(now)
            if self.watch is not None:
                self.watch.tick(now)
                if now - told_at >= TELL_S:  # not with each report: it sums up all workers
                    told_at = now
                    self.on_agreement(())
            self._presenter.show(now)
        if self.watch is not None:
            self.on_agreement(())
        # Whoever asked for a stop does not wait for what the next session can do again.
        self._advance(LAST_ADVANCE_S if self._requests.count else math.inf)

    def _turn(self, timeout_s: float) -> None:
        for event in self._backend.events(timeout_s):
            self._handle(event)
        self._advance()

    def _handle(self, event: Event) -> None:
        match event:
            case WorkerReady(worker, description):
                if wrong := self._differs(description):
                    self._leave_out(worker, wrong)
                    return
            case WorkerRefused() if self._lines is None and not self._spare(event.worker):
                raise raised_elsewhere(event.error, event.message)
            case Answered() if self.watch is not None:
                self.watch.note(event)
            case WorkerDied():
                self.night.ended(event.worker)
                if not self._leaving:
                    _log_death(event)
            case MachineJoined() | MachineLost() | MachineLeftOut():
                self._on_machine(event)
        self._presenter.progress.on_event(event, time.monotonic())
        self._obey(self._coordinator.handle(event))

    def _differs(self, description: Mapping[str, Any]) -> str:
        """What a worker made otherwise of the model than the first one, and what to do about it."""
        if not self._loaded:
            self._loaded, self.description = True, description
            return ""
        first, now = echoes.heard(self.description), echoes.heard(description)
        if wrong := self.rounding.hear(first, now):
            return wrong
        if _what_was_read(description) != _what_was_read(self.description):
            return (
                "a file of the model changed during the run, so a worker that started later read "
                "another model than the first one; restore the file"
            )
        return ""

    def _leave_out(self, worker: int, wrong: str) -> None:
        """Go on without this worker's machine, if there is another.

        Raises:
            StoppedError: there is none.
        """
        if not self._spare(worker):
            raise StoppedError(f"{wrong}, then run the same command to resume")
        if (slot := self._coordinator.slots.get(worker)) is not None:
            self._obey(self._coordinator.leave_out(slot.machine, wrong))

    def _spare(self, worker: int) -> bool:
        """The run can go on without this worker's machine, if it is here at all."""
        slot = self._coordinator.slots.get(worker)
        return slot is None or self._coordinator.loaded_besides(slot.machine)

    def _on_machine(self, event: MachineJoined | MachineLost | MachineLeftOut) -> None:
        match event:
            case MachineJoined(machine, name, workers):
                self._names[machine] = name
                log.info("machine %s joined with %d workers", name, len(workers))
            case MachineLost(machine, cause):
                for worker, slot in self._coordinator.slots.items():
                    if slot.machine == machine:
                        self.night.ended(worker)
                name = self._names.pop(machine, str(machine))
                self._lost.append(f"{name}: {cause}")
                log.warning("machine %s is lost (%s)", name, cause)
            case MachineLeftOut(name, reason):
                log.warning("machine %s is left out: %s", name, reason)

    @property
    def deserted(self) -> str:
        """Why nobody works any more, though images are left."""
        who = f"every machine is gone ({'; '.join(self._lost)})"
        who = who if self._lost else "every worker has ended, though images are left"
        return f"{who}; run the same command to resume"

    @property
    def _leaving(self) -> bool:
        return self._coordinator.draining or self._coordinator.complete

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
                    self._record(command)
                case Halt(reason):
                    self.halted = reason
                case RetireMachine(machine, reason):
                    name = self._names.get(machine, str(machine))
                    log.error("machine %s is retired: %s", name, reason)
                    self._lost.append(f"{name}: {reason}")
                    self._presenter.progress.on_retired(machine, reason)
                    self._backend.do(command)
                case _:
                    self._backend.do(command)

    def _record(self, record: Record) -> None:
        if self._lines is not None:  # the coordinator records nothing before it has begun
            self._lines.record(record)
            self._presenter.progress.on_recorded(record.answers, time.monotonic())


def _what_was_read(description: Mapping[str, Any]) -> tuple[object, object]:
    """What changes answers, and the model's files as they were when they were read."""
    model = description.get("model")
    files = model.get("files") if isinstance(model, Mapping) else None
    return description.get("fingerprint"), files


def _log_death(event: WorkerDied) -> None:
    where = f" during {event.stage} of image {event.in_flight[0]}" if event.in_flight else ""
    log.warning("worker %d died (%s)%s", event.worker, event.cause, where)
