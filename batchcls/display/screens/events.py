"""Progress as JSON lines for machines: one snapshot a line, the schema of ``progress.json``."""

from batchcls.display.screens.stream import QuietStream
from batchcls.display.snapshot import Snapshot


class JsonDisplay:
    """A snapshot a second, and one for each change of state."""

    min_interval = 0.0

    def __init__(self, stream: QuietStream) -> None:
        self._stream = stream
        self._state = ""
        self._next = 0.0

    def draw(self, snapshot: Snapshot) -> None:
        """Write a line if one is due."""
        if snapshot.state != self._state or snapshot.elapsed_s >= self._next:
            self._state = snapshot.state
            self._next = snapshot.elapsed_s + 1.0
            self._stream.write(snapshot.to_json() + "\n")

    def finish(self, snapshot: Snapshot) -> None:
        """Write the last snapshot, always."""
        self._stream.write(snapshot.to_json() + "\n")
