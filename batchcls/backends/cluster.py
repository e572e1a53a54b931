"""Workers on several machines, each of them in the hands of an agent there.

Rules of this file:

1. No node is trusted: each message is checked as if a worker had sent it, and a machine that breaks
   the protocol is dropped.
2. A machine's number is an epoch, and so are its workers' numbers: each is used once. What comes
   from a machine that was lost is not heard.
3. A machine that is silent for long is lost, whatever it is that ails it; for longer, before it has
   found its files to be the right ones, which silences it. This process's own stalls are excused,
   and its own sign of life does not depend on its main thread.
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
from batchcls.backends.node import Node
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
from batchcls.wire.start import StartMessage

log = logging.getLogger("batchcls")

BEAT_S = 3.0
"""To those that were told nothing else meanwhile: on Ray each costs as much as fifty lines."""

SILENCE_S = 30.0
LOOK_S = 300.0
"""Seconds that a machine may be silent while it looks at its files."""

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
        self._nodes: dict[int, Node] = {}
        self._of: dict[int, Node] = {}  # by number of a worker
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
        workers = sum(len(node.alive) for node in self._nodes.values())
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
        for node in self._nodes.values():
            if node.name:
                self._send(node, message)

    def do(self, command: BackendCommand) -> None:
        """Carry out a command of the coordinator; what is for a lost machine's worker is not."""
        if isinstance(command, RetireMachine):
            if (node := self._nodes.get(command.machine)) is not None:
                self._dismiss(node)
                self._leave_out(node, command.reason)  # the run tells of it
            return
        self._leaving = isinstance(command, StopWorker)
        if (node := self._of.get(command.worker)) is None:
            return
        match command:
            case StartWorker(worker):
                self._send(node, node.start(worker))
            case Lease():
                self._send(node, node.lease(command))
            case StopWorker(worker, drain):
                self._send(node, node.to(worker, protocol.encode("stop", drain=drain)))

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
        for node in self._nodes.values():
            self._send(node, agents.message("end"))
        self._transport.close()

    # ---- machines

    def _arrived(self, arrival: Arrival, now: float) -> list[Event]:
        node = self._nodes.get(arrival.machine)
        match arrival:
            case Opened(number):
                self._nodes[number] = Node(number, now)
            case Received(data=data) if node is not None:
                node.heard = now
                return self._hear(node, data)
            case Closed(cause=cause) if node is not None:
                return self._lose(node, cause)
        return []

    def _beat(self) -> None:
        """Tell every machine that this process lives; the main thread may list images for hours."""
        while not self._over.wait(BEAT_S):
            for node in list(self._nodes.values()):
                if not node.was_spoken_to():
                    self._transport.send(node.number, agents.BEAT)

    def _silent(self, now: float) -> list[Event]:
        """Lose the machines that were not heard for long."""
        if now - self._looked > STALL_S:
            self._excused = now
        self._looked = now
        events: list[Event] = []
        for node in list(self._nodes.values()):
            limit = SILENCE_S if node.workers and node.seen else LOOK_S
            if now - max(node.heard, self._excused) > limit:
                self._transport.drop(node.number)
                events += self._lose(node, f"silent for {limit:g} s")
        return events

    def _lose(self, node: Node, cause: str) -> list[Event]:
        """A machine is gone."""
        self._forget(node)
        if not node.workers:
            return self._leave_out(node, cause)
        return [MachineLost(node.number, cause)]

    def _leave_out(self, node: Node, reason: str) -> list[Event]:
        event = MachineLeftOut(node.name or f"machine {node.number}", reason)
        self._admission.left_out.append(event)
        return [event]

    def _dismiss(self, node: Node) -> None:
        """End a machine's agent."""
        self._send(node, agents.message("end"))
        self._transport.drop(node.number)
        self._forget(node)

    def _forget(self, node: Node) -> None:
        del self._nodes[node.number]
        for worker in node.workers:
            del self._of[worker]
        self._deserted = self._clock()

    @property
    def _hopeful(self) -> bool:
        """A machine is on its way, or may be."""
        if any(not node.workers for node in self._nodes.values()):
            return True
        return self._transport.expecting and self._clock() - self._deserted < ARRIVE_S

    def _require_machines(self, now: float) -> None:
        """Give up where there is no machine, and none to come, before the first worker was ready.

        Later the run ends as it does when all workers have: with what it has written.
        """
        if self._nodes or self._admission.described:
            return
        patience = LINGER_S if self._admission.left_out else ARRIVE_S
        if self._transport.expecting and now - self._deserted < patience:
            return
        raise self._admission.nobody(self._transport.trouble)

    # ---- messages

    def _send(self, node: Node, data: bytes) -> None:
        node.spoken_to = True
        self._transport.send(node.number, data)

    def _hear(self, node: Node, data: bytes) -> list[Event]:
        """What comes of so much more of a machine's stream."""
        events: list[Event] = []
        try:
            for payload in node.frames.feed(data):
                for event in self._take(node, *agents.parse(payload)):
                    events += self._admission.admitted(node, event)
        except UnfitError as error:
            self._dismiss(node)
            events += self._leave_out(node, str(error))
            if node.workers:
                events.append(MachineLost(node.number, str(error)))
        except (protocol.ProtocolError, FrameError) as error:
            self._transport.drop(node.number)
            events += self._lose(node, f"{error}; dropped")
        return events

    def _take(self, node: Node, head: Mapping[str, Any], body: bytes) -> list[Event]:
        """What a message says, before it is known whether the machine fits."""
        match head["t"]:
            case "from" | "died" if node.workers:
                return [node.heard_of(head, body)]
            case "hello" if not node.name:
                self._send(node, self._admission.greet(node, head))
            case "need" if node.name:
                self._send(node, self._admission.piece(head))
            case "opened" if node.name and not node.workers:
                return [self._join(node, head)]
            case "seen" if self._admission.images is not None:
                node.seen = True
                held, node.held = node.held, []
                return held
            case kind:
                self._note(node, kind, head)
        return []

    def _note(self, node: Node, kind: str, head: Mapping[str, Any]) -> None:
        """Take in what the coordinator need not know."""
        match kind:
            case "beat":
                pass
            case "unfit":
                raise UnfitError(agents.text(head, "reason"))
            case "log":
                log.info("%s: %s", node.name, agents.text(head, "text"))
            case "counters":
                self._counters += protocol.layer_rows(head.get("rows"))
            case _:
                raise protocol.ProtocolError("sent a message of no known kind")

    def _join(self, node: Node, head: Mapping[str, Any]) -> Event:
        workers = agents.number(head, "workers", agents.MOST_WORKERS)
        share = agents.number(head, "share", agents.MOST_BYTES)
        node.workers = range(self._next_worker, self._next_worker + max(1, workers))
        self._next_worker = node.workers.stop
        self._of.update(dict.fromkeys(node.workers, node))
        return MachineJoined(node.number, node.name, tuple(node.workers), share)
