"""What a run asks of whatever its workers run in: commands in, events out."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from batchcls.messages import BackendCommand, Event
from batchcls.wire.start import StartMessage


class Backend(Protocol):
    """Where workers run."""

    @property
    def counters(self) -> Sequence[Mapping[str, Any]]:
        """Per-layer counters of the workers that have left."""

    def watch(self, descriptor: int) -> None:
        """End a wait in `events` when this descriptor becomes readable."""

    def close(self) -> None:
        """Kill what is left and let go of everything."""

    @property
    def alive(self) -> int:
        """How many workers there are."""

    def do(self, command: BackendCommand) -> None:
        """Carry out a command."""

    def events(self, timeout_s: float) -> list[Event]:
        """What has happened; waits for at most so long."""


OpenBackend = Callable[[StartMessage, Path, float], Backend]
"""Opens one, by: what each worker gets first, the run's log, seconds that one image may take."""
