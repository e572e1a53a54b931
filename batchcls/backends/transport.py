"""What carries bytes between the driver and an agent on each machine; it knows not what they mean.

Rules for those that fulfil it:

1. Bytes are a stream in each direction, in order, without gaps: what cannot be so is `Closed`.
2. A machine's number is an epoch. One that comes back is another machine; after its `Closed`, and
   once it was dropped, nothing more is received from the old one.
3. No call but `receive` and `open` waits, and `close` returns within 5 s.
4. All calls come from one thread, but `send` from any: the driver's sign of life is sent while its
   main thread lists images, or waits for a disk.
"""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Opened:
    """An agent can be spoken to; machines are numbered from 1 on, each number is used once."""

    machine: int


@dataclass(frozen=True, slots=True)
class Received:
    """An agent sent so much more of its stream."""

    machine: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Closed:
    """An agent cannot be spoken to any more; `cause` is for people."""

    machine: int
    cause: str


Arrival = Opened | Received | Closed


class Transport(Protocol):
    """Starts agents and carries their bytes."""

    @property
    def expecting(self) -> bool:
        """A further agent may still come."""

    @property
    def trouble(self) -> str:
        """What has kept agents from coming, for people; "" if nothing is known."""

    def open(self) -> None:
        """Begin to start agents.

        Raises:
            BatchclsError: there can be none, in words for the user.
        """

    def watch(self, descriptor: int) -> None:
        """End a wait in `receive` when this descriptor becomes readable."""

    def send(self, machine: int, data: bytes) -> None:
        """Send in the background; what cannot be sent any more is dropped. For any thread."""

    def receive(self, timeout_s: float) -> list[Arrival]:
        """What has arrived; waits for at most so long if nothing has."""

    def drop(self, machine: int) -> None:
        """End this agent by force; its `Closed` may or may not follow."""

    def close(self) -> None:
        """End all agents and let go of everything."""
