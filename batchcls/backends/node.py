"""One machine of a run as the driver knows it: its workers, what they hold, what they may say."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from batchcls.images import ImageRef
from batchcls.messages import Answered, Event, Lease, WorkerDied
from batchcls.wire import agents, protocol
from batchcls.wire.frames import FrameReader
from batchcls.wire.protocol import ProtocolError


def _frames() -> FrameReader:
    return FrameReader(agents.MAX_AGENT_FRAME)


@dataclass(slots=True)
class Node:
    """A machine, from its first sign to its last.

    Attributes:
        number: of the transport; it is an epoch.
        heard: monotonic seconds of its last sign.
        name: for people; "" until its agent has said it.
        workers: numbers of its workers in the run; none before it has joined.
        alive: those of them that run or load.
        leased: worker → lease → index → image, those not answered yet.
        seen: it sees the images as the driver does.
        held: readiness of its workers that is not told yet.
        frames: cuts its stream.
        spoken_to: something was sent to it.
    """

    number: int
    heard: float
    name: str = ""
    workers: range = range(0)
    alive: set[int] = field(default_factory=set)
    leased: dict[int, dict[int, dict[int, ImageRef]]] = field(default_factory=dict)
    seen: bool = False
    held: list[Event] = field(default_factory=list)
    frames: FrameReader = field(default_factory=_frames)
    spoken_to: bool = False

    def was_spoken_to(self) -> bool:
        """Whether something was sent to it since this was asked last."""
        before, self.spoken_to = self.spoken_to, False
        return before

    def start(self, worker: int) -> bytes:
        """What has the agent start a worker."""
        self.alive.add(worker)
        self.leased[worker] = {}
        return agents.message("start", w=worker - self.workers.start)

    def lease(self, command: Lease) -> bytes:
        """What has the agent hand images to a worker."""
        self.leased[command.worker][command.lease] = {i.index: i for i in command.images}
        return self.to(command.worker, protocol.encode_lease(command))

    def to(self, worker: int, payload: bytes) -> bytes:
        """What has the agent pass something on to a worker."""
        return agents.message("to", payload, w=worker - self.workers.start)

    def heard_of(self, head: Mapping[str, Any], body: bytes) -> Event:
        """What a worker said, or died of, checked against what it holds.

        Raises:
            ProtocolError: it says what no agent of ours would.
        """
        worker = self.workers.start + agents.number(head, "w", len(self.workers) - 1)
        if worker not in self.alive:
            raise ProtocolError("spoke of a worker that it has not")
        if head["t"] == "died":
            return self._died(worker, head)
        leased = self.leased[worker]
        event = protocol.parse(worker, body, leased)
        if isinstance(event, Answered):
            images = leased[event.lease]
            for answer in event.answers:
                del images[answer.index]
            if not images:
                del leased[event.lease]
        return event

    def _died(self, worker: int, head: Mapping[str, Any]) -> WorkerDied:
        event = agents.parse_death(worker, head, self.leased[worker])
        del self.leased[worker]
        self.alive.discard(worker)
        return event
