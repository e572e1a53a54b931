"""A transport in the hands of a test, and what a worker says of itself."""

from collections import deque
from typing import Any

from batchcls.backends.transport import Arrival
from batchcls.wire import agents
from batchcls.wire.frames import FrameReader

DESCRIPTION: dict[str, Any] = {
    "fingerprint": {"top": 1}, "echo": {"CPU": "aa"}, "model": {"files": [["x", 1]]},
    "hardware": {"processor": "AVX2"},
}  # fmt: skip


class Wire:
    """Carries what the test says; remembers what was sent."""

    def __init__(self) -> None:
        self.arrivals: deque[Arrival] = deque()
        self.sent: dict[int, list[tuple[dict[str, Any], bytes]]] = {}
        self.dropped: list[int] = []
        self.expecting = True
        self.trouble = ""

    def open(self) -> None:
        pass

    def watch(self, descriptor: int) -> None:
        pass

    def send(self, machine: int, data: bytes) -> None:
        for payload in FrameReader(agents.MAX_AGENT_FRAME).feed(data):
            head, body = agents.parse(payload)
            if head["t"] != "beat":
                self.sent.setdefault(machine, []).append((head, body))

    def receive(self, timeout_s: float) -> list[Arrival]:
        found, self.arrivals = list(self.arrivals), deque()
        return found

    def drop(self, machine: int) -> None:
        self.dropped.append(machine)

    def close(self) -> None:
        pass
