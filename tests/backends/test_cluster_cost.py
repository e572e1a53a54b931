"""What an image costs the driver of several machines: lines in, decisions, leases out."""

import time
from collections.abc import Sequence

import pytest

from batchcls.backends.cluster import ClusterBackend
from batchcls.backends.fitness import versions
from batchcls.backends.transport import Arrival, Opened, Received
from batchcls.coordinator.coordinator import Coordinator
from batchcls.images import Folder, ImageRef
from batchcls.job.job import Job
from batchcls.job.threads import Threads
from batchcls.messages import Answer, Command, Record
from batchcls.results import record
from batchcls.wire import agents, protocol
from batchcls.wire.frames import FrameReader
from batchcls.wire.lines import LineReader, LineWriter, Piece
from batchcls.wire.start import StartMessage
from tests.support.instant_backend import line_of
from tests.support.wire import DESCRIPTION, Wire

pytestmark = pytest.mark.timing

IMAGES = 40_000
WORKERS = 8
MOST_US = 25.0


class List:
    """So many images; their names are like photographs'."""

    def __init__(self) -> None:
        self.images = [ImageRef(k, f"2024/day{k % 365}/IMG_{k:08}.jpg") for k in range(IMAGES)]
        self.taken = 0

    @property
    def remaining(self) -> int:
        return IMAGES - self.taken

    def take(self, count: int) -> Sequence[ImageRef | Answer]:
        self.taken += count
        return self.images[self.taken - count : self.taken]


class Lines(Wire):
    """An agent's lines, joined with nobody's."""

    def __init__(self) -> None:
        super().__init__()
        self.up, self.reader = b"", LineReader()
        self.writer, self.down = LineWriter("a1b2c3d4"), b""

    def send(self, machine: int, data: bytes) -> None:
        self.down += b"".join(self.writer.write(data))

    def receive(self, timeout_s: float) -> list[Arrival]:
        data, self.up = self.up, b""
        pieces = [piece for piece in self.reader.feed(data) if isinstance(piece, Piece)]
        return [*super().receive(0.0), *(Received(1, piece.data) for piece in pieces)]


class Agent:
    """Answers leases at once."""

    def __init__(self) -> None:
        self.frames, self.reader = FrameReader(), LineReader()
        self.writer = LineWriter("a1b2c3d4")

    def say(self, kind: str, body: bytes | None = None, **content: object) -> bytes:
        return b"".join(self.writer.write(agents.message(kind, body, **content)))

    def answer(self, down: bytes) -> bytes:
        up = b""
        for piece in self.reader.feed(down):
            assert isinstance(piece, Piece)
            for payload in self.frames.feed(piece.data):
                head, body = agents.parse(payload)
                if head["t"] == "start":
                    ready = protocol.encode("ready", description=DESCRIPTION)
                    up += self.say("from", ready, w=head["w"])
                elif head["t"] == "images":
                    up += self.say("seen")
                elif head["t"] == "to" and (message := agents.parse(body)[0])["t"] == "lease":
                    lease, images = protocol.decode_lease(message)
                    done = [Answer(image.index, line_of(image)) for image in images]
                    up += self.say("from", protocol.encode_answers(lease, done, None), w=head["w"])
        return up


def test_an_image_costs_the_driver_little() -> None:
    wire, agent, work = Lines(), Agent(), List()
    backend = ClusterBackend(StartMessage(Job(sources=("x",)), Threads()), 60.0, wire)
    backend.look_for(lambda most, share: [ImageRef(0, "none", Folder("/none"))])
    coordinator = Coordinator(0, record.failure_answer)
    wire.arrivals.append(Opened(1))
    wire.up += agent.say("hello", host="node", versions=versions())
    wire.up += agent.say("opened", workers=WORKERS, share=0)
    coordinator.begin(work, 0)
    recorded, costs = 0, []

    def obey(commands: list[Command]) -> int:
        lines = 0
        for command in commands:
            if isinstance(command, Record):
                lines += len(command.answers)
            else:
                backend.do(command)  # type: ignore[arg-type]  # nothing halts here
        return lines

    while recorded < IMAGES:
        began = time.process_time()
        lines = sum(obey(coordinator.handle(event)) for event in backend.events(0.0))
        while commands := coordinator.advance():
            lines += obey(commands)
        spent = time.process_time() - began
        recorded += lines
        if lines >= 512:
            costs.append(1e6 * spent / lines)
        down, wire.down = wire.down, b""
        wire.up += agent.answer(down)
    backend.close()
    costs.sort()
    typical = costs[len(costs) // 4]
    assert typical <= MOST_US, f"{typical:.1f} µs"
