"""How a run looks: a display is shown snapshots, and decides alone what and when to draw."""

import os
import sys
from typing import Protocol, TextIO

from batchcls.display.screens.drawing_thread import DrawingThread, Screen
from batchcls.display.screens.stream import QuietStream
from batchcls.display.snapshot import Snapshot

__all__ = ["Display", "Snapshot", "open_display"]


class Display(Protocol):
    """What `run` shows its snapshots to. Neither method raises, blocks or costs much."""

    def show(self, snapshot: Snapshot) -> None:
        """Show how the run stands now; may be called as often as one likes."""

    def close(self, snapshot: Snapshot) -> None:
        """Show how the run ended. Nothing is drawn after this returns; further calls do nothing."""


class NoDisplay:
    """Shows nothing."""

    def show(self, snapshot: Snapshot) -> None: ...

    def close(self, snapshot: Snapshot) -> None: ...


def open_display(kind: str, stream: TextIO | None = None, *, watching: bool = False) -> Display:
    """The display of this kind.

    Args:
        kind: as `--progress`; "auto" is rich on a terminal, plain elsewhere.
        stream: where it goes; None is standard output for json, which is for machines, and
            standard error for all others, so that they never mix with what a pipe reads.
        watching: the run belongs to another terminal, and Ctrl-C here does not stop it.
    """
    if stream is None:
        stream = sys.stdout if kind == "json" else sys.stderr
    # Python leaves None where the process was started without that descriptor.
    if kind == "none" or stream is None:
        return NoDisplay()
    quiet = QuietStream(stream)
    screen = _screen(resolve(kind, quiet), quiet, watching=watching)
    return DrawingThread(screen, quiet)


def resolve(kind: str, stream: QuietStream) -> str:
    """The kind that "auto" is on this stream."""
    if kind != "auto":
        return kind
    return "rich" if stream.isatty() and os.environ.get("TERM", "dumb") != "dumb" else "plain"


def _screen(kind: str, stream: QuietStream, *, watching: bool) -> Screen:
    """The screen of a kind; Rich and tqdm are imported only by those who ask for them."""
    if kind == "rich":
        from batchcls.display.screens.dashboard import RichDisplay

        return RichDisplay(stream, watching=watching)
    if kind == "bar":
        from batchcls.display.screens.bar import BarDisplay

        return BarDisplay(stream)
    if kind == "json":
        from batchcls.display.screens.events import JsonDisplay

        return JsonDisplay(stream)
    from batchcls.display.screens.plain import PlainDisplay

    return PlainDisplay(stream)
