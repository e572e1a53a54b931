"""One line of progress by tqdm."""

from typing import Any

from tqdm import tqdm

from batchcls.display import text
from batchcls.display.screens.stream import QuietStream
from batchcls.display.snapshot import Snapshot


class Bar(tqdm):  # type: ignore[misc] # tqdm has no types
    """tqdm without the thread by which it watches its bars: ours is drawn often enough."""

    monitor_interval = 0


class BarDisplay:
    """A tqdm bar; lines of earlier sessions count as done, but not for its rate."""

    min_interval = 0.1

    def __init__(self, stream: QuietStream) -> None:
        self._stream = stream
        self._bar: Any = None

    def draw(self, snapshot: Snapshot) -> None:
        """Move the bar, once the number of images is known."""
        if snapshot.total is None or self._stream.in_background:
            return
        if self._bar is None:
            self._bar = Bar(
                total=snapshot.total,
                initial=snapshot.resumed,
                desc=text.fit(snapshot.model or "batchcls", 24),
                unit="img",
                file=self._stream,
                ncols=None if self._stream.isatty() else 80,
                dynamic_ncols=self._stream.isatty(),
                ascii=not self._stream.encoding.lower().startswith("utf"),
                mininterval=0.0,
                miniters=0,
            )
        if snapshot.failed:
            self._bar.set_postfix_str(f"{text.count(snapshot.failed)} failed", refresh=False)
        self._bar.update(snapshot.done - self._bar.n)
        self._bar.refresh()

    def finish(self, snapshot: Snapshot) -> None:
        """Leave the bar where it ended."""
        self.draw(snapshot)
        if self._bar is not None:
            self._bar.close()
