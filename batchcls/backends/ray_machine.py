"""A node of a Ray cluster, and its agent, as the carrier knows them."""

import math
from dataclasses import dataclass, field
from typing import Any

from batchcls.backends.ray_actor import MOST


@dataclass(slots=True)
class Node:
    """What Ray says of a node that is alive."""

    id: str
    name: str
    cores: int


@dataclass(slots=True)
class Machine:
    """One agent and the actor that carries its bytes.

    Attributes:
        outbox: bytes for the agent.
        sent: pieces of them that the actor was given.
        sending: it takes nothing by `send` now: it has not answered, or is not open yet.
        polling_from: monotonic second at which it is to be polled again; infinity = it is polled
            now, or not open yet.
        heard: the agent has said something.
    """

    node: Node
    actor: Any
    outbox: bytearray = field(default_factory=bytearray)
    sent: int = 0
    sending: bool = True
    polling_from: float = math.inf
    heard: bool = False

    def piece(self) -> tuple[()] | tuple[int, bytes]:
        """What is to be sent next, with its number; nothing if there is nothing."""
        if not self.outbox:
            return ()
        data = bytes(self.outbox[:MOST])
        del self.outbox[:MOST]
        self.sent += 1
        return self.sent - 1, data
