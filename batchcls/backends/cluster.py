"""Workers on several machines, each of them in the hands of an agent there.

Rules of this file:

1. No node is trusted: each message is checked as if a worker had sent it, and a machine that breaks
   the protocol is dropped.
2. A machine's number is an epoch, and so are its workers' numbers: each is used once. What comes
   from a machine that was lost is not heard.
3. A machine that is silent for long is lost, whatever it is that ails it. This process's own stalls
   are excused, and its own sign of life does not depend on its main thread.
4. A machine that does not fit is left out by name. The run is refused where none is left.
5. No worker's readiness is told before its machine has seen the sample of images.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from batchcls.backends.admission import Admission
from batchcls.backends.fitness import SAMPLE, UnfitError
from batchcls.backends.member import Member
from batchcls.backends.transport import Arrival, Closed, Opened, Received, Transport
from batchcls.images import ImageRef
from batchcls.messages import (
    BackendCommand,
    Event,
    Lease,
    MachineJoined,
    MachineLeftOut,
    MachineLost,
    RetireMachine,
    StartWorker,
    StopWorker,
)
from batchcls.results.echoes import Echo
from batchcls.wire import agents, protocol
from batchcls.wire.frames import FrameError
from batchcls.wire.protocol import ProtocolError
from batchcls.wire.start import StartMessage

log = logging.getLogger("batchcls")

BEAT_S = 1.0
SILENCE_S = 30.0
STALL_S = 1.0
ARRIVE_S = 300.0
"""Seconds without a machine that a run waits where one may still come."""

LINGER_S = 10.0
"""Seconds that it waits for others where all that came were left out."""


class ClusterBackend:
    """The workers of all machines that an engine or a launcher gives us.

    Args:
        start: as for `LocalBackend`; each machine divides itself.
        timeout_s: how long an image may stay in one stage.
        transport: reaches the agents.
        known: the echo that machines must have; None = that of the first.
        clock: monotonic seconds.

    Raises:
        BatchclsError: there can be no agents, or a file of the job cannot be read.
    """

    def __init__(
        self,
        start: StartMessage,
        timeout_s: float,
        transport: Transport,
        known: Echo | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._admission = Admission(start, timeout_s, known)
        self._transport = transport
        self._clock = clock
        self._members: dict[int, Member] = {}
        self._of: dict[int, Member] = {}  # by number of a worker
        self._next_worker = 0
        self._leaving = False
        self._counters: list[Mapping[str, Any]] = []
        self._excused = self._looked = self._deserted = clock()
        self._over = threading.Event()
        transport.open()
        threading.Thread(target=self._beat, name="heartbeat", daemon=True).start()

    # ---- for the run

    @property
    def alive(self) -> int:
        """How many workers there are, and one for machines that may still come."""
        workers = sum(len(member.alive) for member in self._members.values())
        return workers + (not self._leaving and self._hopeful)

    @property
    def counters(self) -> Sequence[Mapping[str, Any]]:
        """Per-layer counters of the workers that have left."""
        return self._counters

    def watch(self, descriptor: int) -> None:
        """End a wait in `events` when this descriptor becomes readable."""
        self._transport.watch(descriptor)

    def look_for(self, images: Callable[[int, int], Sequence[ImageRef]]) -> None:
        """Let no machine work that does not see some of these images as this one does.

        Args:
            images: at most so many of the run's, and at most one in so many of them.
        """
        message = self._admission.look_for(images(SAMPLE, 1))
        for member in self._members.values():
            if member.name:
                self._transport.send(member.number, message)

    def do(self, command: BackendCommand) -> None:
        """Carry out a command of the coordinator; what is for a lost machine's worker is not."""
        if isinstance(command, RetireMachine):
            if (member := self._members.get(command.machine)) is not None:
                log.warning("retired %s: %s", member.name, command.reason)
                self._dismiss(member)
            return
        self._leaving = isinstance(command, StopWorker)
        if (member := self._of.get(command.worker)) is None:
            return
        match command:
            case StartWorker(worker):
                self._send(member, member.start(worker))
            case Lease():
                self._send(member, member.lease(command))
            case StopWorker(worker, drain):
                self._send(member, member.to(worker, protocol.encode("stop", drain=drain)))

    def events(self, timeout_s: float) -> list[Event]:
        """What has happened; waits for at most `timeout_s` if nothing has.

        Raises:
            BatchclsError: no machine came, or none fits.
        """
        arrivals = self._transport.receive(timeout_s)
        now = self._clock()
        events = [event for arrival in arrivals for event in self._arrived(arrival, now)]
        events += self._silent(now)
        self._require_machines(now)
        return events

    def close(self) -> None:
        """End all agents, and so all workers."""
        self._over.set()
        for member in self._members.values():
            self._send(member, agents.message("end"))
        self._transport.close()

    # ---- machines

    def _arrived(self, arrival: Arrival, now: float) -> list[Event]:
        member = self._members.get(arrival.machine)
        match arrival:
            case Opened(number):
                self._members[number] = Member(number, now)
            case Received(data=data) if member is not None:
                member.heard = now
                return self._hear(member, data)
            case Closed(cause=cause) if member is not None:
                return self._lose(member, cause)
        return []

    def _beat(self) -> None:
        """Tell every machine that this process lives; the main thread may list images for hours."""
        while not self._over.wait(BEAT_S):
            for number in list(self._members):
                self._transport.send(number, agents.BEAT)

    def _silent(self, now: float) -> list[Event]:
        """Lose the machines that were not heard for long."""
        if now - self._looked > STALL_S:
            self._excused = now
        self._looked = now
        events: list[Event] = []
        for member in list(self._members.values()):
            if now - max(member.heard, self._excused) > SILENCE_S:
                self._transport.drop(member.number)
                events += self._lose(member, f"silent for {SILENCE_S:g} s")
        return events

    def _lose(self, member: Member, cause: str) -> list[Event]:
        """A machine is gone."""
        self._forget(member)
        if not member.workers:
            return self._leave_out(member, cause)
        log.warning("lost %s (%s)", member.name, cause)
        return [MachineLost(member.number, cause)]

    def _leave_out(self, member: Member, reason: str) -> list[Event]:
        event = MachineLeftOut(member.name or f"machine {member.number}", reason)
        log.warning("left out %s: %s", event.name, reason)
        self._admission.left_out.append(event)
        return [event]

    def _dismiss(self, member: Member) -> None:
        """End a machine's agent."""
        self._send(member, agents.message("end"))
        self._transport.drop(member.number)
        self._forget(member)

    def _forget(self, member: Member) -> None:
        del self._members[member.number]
        for worker in member.workers:
            del self._of[worker]
        self._deserted = self._clock()

    @property
    def _hopeful(self) -> bool:
        """A machine is on its way, or may be."""
        if any(not member.workers for member in self._members.values()):
            return True
        return self._transport.expecting and self._clock() - self._deserted < ARRIVE_S

    def _require_machines(self, now: float) -> None:
        """Give up where there is no machine, and none to come, before the first worker was ready.

        Later the run ends as it does when all workers have: with what it has written.
        """
        if self._members or self._admission.described:
            return
        patience = LINGER_S if self._admission.left_out else ARRIVE_S
        if self._transport.expecting and now - self._deserted < patience:
            return
        raise self._admission.nobody()

    # ---- messages

    def _send(self, member: Member, data: bytes) -> None:
        self._transport.send(member.number, data)

    def _hear(self, member: Member, data: bytes) -> list[Event]:
        """What comes of so much more of a machine's stream."""
        events: list[Event] = []
        try:
            for payload in member.frames.feed(data):
                events += self._take(member, *agents.parse(payload))
        except UnfitError as error:
            self._dismiss(member)
            events += self._leave_out(member, str(error))
            if member.workers:
                events.append(MachineLost(member.number, str(error)))
        except (ProtocolError, FrameError) as error:
            self._transport.drop(member.number)
            events += self._lose(member, f"{error}; dropped")
        return events

    def _take(self, member: Member, head: Mapping[str, Any], body: bytes) -> list[Event]:
        match head["t"]:
            case "from" | "died" if member.workers:
                return self._admission.admitted(member, member.heard_of(head, body))
            case "hello" if not member.name:
                self._send(member, self._admission.greet(member, head))
            case "need" if member.name:
                self._send(member, self._admission.piece(head))
            case "opened" if member.name and not member.workers:
                return [self._join(member, agents.number(head, "workers", agents.MOST_WORKERS))]
            case "seen" if self._admission.images is not None:
                member.seen = True
                held, member.held = member.held, []
                return held
            case kind:
                self._note(member, kind, head)
        return []

    def _note(self, member: Member, kind: str, head: Mapping[str, Any]) -> None:
        """Take in what the coordinator need not know."""
        match kind:
            case "beat":
                pass
            case "unfit":
                raise UnfitError(agents.text(head, "reason"))
            case "log":
                log.info("%s: %s", member.name, agents.text(head, "text"))
            case "counters" if isinstance(head.get("rows"), list):
                self._counters += [row for row in head["rows"] if isinstance(row, dict)]
            case _:
                raise ProtocolError("sent a message of no known kind")

    def _join(self, member: Member, workers: int) -> Event:
        first = self._next_worker
        member.workers = range(first, first + max(1, workers))
        self._next_worker = member.workers.stop
        self._of.update(dict.fromkeys(member.workers, member))
        log.info("%s joined with %d workers", member.name, len(member.workers))
        return MachineJoined(member.number, member.name, tuple(member.workers))
