"""The dashboard on a terminal: which parts fit, and Rich's Live around them."""

from collections.abc import Sequence

from rich.console import ConsoleDimensions
from rich.control import Control
from rich.live import Live

from batchcls.display.screens import panels
from batchcls.display.screens.glyphs import Glyphs, glyphs_for
from batchcls.display.screens.stream import QuietStream
from batchcls.display.screens.styles import console_on, painted
from batchcls.display.snapshot import Snapshot
from batchcls.display.table import Line, beside, cut

WIDEST = 132
SIDE_BY_SIDE = 96
BLANK: Line = ()


class RichDisplay:
    """Redraws the dashboard in place, at most four times a second.

    Args:
        watching: the run belongs to another terminal; Ctrl-C here does not stop it.
    """

    min_interval = 0.25

    def __init__(self, stream: QuietStream, *, watching: bool = False) -> None:
        self._stream = stream
        self._watching = watching
        self._glyphs = glyphs_for(stream.encoding)
        self._console = console_on(stream)
        self._size = stream.size
        self._lost = False
        self._live: Live | None = None

    def draw(self, snapshot: Snapshot) -> None:
        """Draw a frame, unless another job has the terminal."""
        if self._stream.in_background:
            self._lost = True
            return
        columns, lines = self._fit_terminal()
        self._show(dashboard(snapshot, columns, lines, self._glyphs, watching=self._watching))

    def finish(self, snapshot: Snapshot) -> None:
        """Leave a short last frame behind, and the terminal as it was."""
        if self._stream.in_background:
            if self._live is not None:
                self._console.show_cursor(True)
            return
        columns, _ = self._fit_terminal()
        if snapshot.total is not None:
            self._show(last_frame(snapshot, columns, self._glyphs))
        elif self._live is not None:
            self._live.transient = True  # it never began: the error that follows says it all
        if self._live is not None:
            self._live.stop()

    def _fit_terminal(self) -> tuple[int, int]:
        size = self._stream.size
        if (size != self._size or self._lost) and self._live is not None:
            # The terminal has wrapped or scrolled the last frame, or a shell has written below it:
            # where it begins is unknown, so start again on a clear screen.
            self._console.control(Control.clear(), Control.home())
        self._size, self._lost = size, False
        self._console.size = ConsoleDimensions(*size)
        return size

    def _show(self, lines: Sequence[Line]) -> None:
        frame = painted(lines)
        if self._live is None:
            self._live = Live(
                frame,
                console=self._console,
                auto_refresh=False,
                redirect_stdout=False,
                redirect_stderr=False,
                vertical_overflow="crop",
            )
            self._live.start(refresh=True)
        else:
            self._live.update(frame, refresh=True)


def dashboard(
    shot: Snapshot, columns: int, lines: int, glyphs: Glyphs, *, watching: bool = False
) -> list[Line]:
    """The lines of a frame for a terminal of this size; never more than fit."""
    width = min(columns - 1, WIDEST)
    room = lines - 1
    title = panels.title(shot, width, glyphs)
    overall = panels.overall(shot, width, glyphs)
    stages = panels.stages(shot, width, glyphs)
    notes = panels.warnings(shot, width)
    hint = panels.hint(shot, width, watching=watching)
    below = _below(shot, width, glyphs)
    rows = len(shot.workers)
    lengths = [len(title), len(overall), rows, len(stages), len(below), len(notes), len(hint)]
    gaps = sum(length > 0 for length in lengths) - 1
    heights = _share_out(
        room,
        [
            ("overall", len(overall), len(overall)),
            ("title", 1, len(title)),
            ("workers", min(rows + 1, 9) if rows else 0, rows + 1 if rows else 0),
            ("hint", len(hint), len(hint)),
            ("stages", len(stages), len(stages)),
            ("notes", min(1, len(notes)), len(notes)),
            ("below", min(4, len(below)), len(below)),
            ("gaps", gaps, gaps),
        ],
    )
    most = heights["workers"] - 1
    blocks = [
        title[: heights["title"]],
        overall[: heights["overall"]],
        panels.workers(shot, width, glyphs, most) if most > 0 else [],
        stages[: heights["stages"]],
        below[: heights["below"]],
        notes[len(notes) - heights["notes"] :],
        hint[: heights["hint"]],
    ]
    lines_shown = _spaced([block for block in blocks if block], room)
    return [cut(line, width) for line in lines_shown]


def last_frame(shot: Snapshot, columns: int, glyphs: Glyphs) -> list[Line]:
    """What stays on the screen when the run is over; the summary follows it."""
    width = min(columns - 1, WIDEST)
    lines = panels.title(shot, width, glyphs) + panels.overall(shot, width, glyphs)
    return [cut(line, width) for line in lines]


def _below(shot: Snapshot, width: int, glyphs: Glyphs) -> list[Line]:
    """Labels and failures, next to each other where there is room."""
    if width < SIDE_BY_SIDE:
        failures, labels = panels.failures(shot, width), panels.labels(shot, width, glyphs)
        failures = failures[:4]  # they stand above the labels, and both shall be seen
        return [*failures, *([BLANK] if failures and labels else []), *labels]
    half = 48 if width < 120 else 56
    left = panels.labels(shot, half, glyphs)
    if not left:
        return panels.failures(shot, width)
    return beside(left, panels.failures(shot, width - half - 4), half + 4)


def _share_out(room: int, blocks: Sequence[tuple[str, int, int]]) -> dict[str, int]:
    """Lines for each block (name, least, most): the least in order, then more from the last."""
    heights: dict[str, int] = {}
    for name, least, _ in blocks:
        heights[name] = min(least, room)
        room -= heights[name]
    for name, least, most in reversed(blocks):
        more = min(room, most - least)
        heights[name] += more
        room -= more
    return heights


def _spaced(blocks: Sequence[Sequence[Line]], room: int) -> list[Line]:
    """The blocks with blank lines between them, as far as there is room for blanks."""
    blanks = room - sum(map(len, blocks))
    lines: list[Line] = []
    for block in blocks:
        if lines and blanks > 0:
            lines.append(BLANK)
            blanks -= 1
        lines += block
    return lines[: max(room, 0)]
