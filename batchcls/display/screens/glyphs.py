"""The characters of bars and sparklines, and plain ones for streams that lack those."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Glyphs:
    """Characters for one kind of terminal; each takes one column."""

    full: str
    half: str
    empty: str
    block: str
    levels: str
    arrow: str
    dot: str

    def bar(self, share: float, columns: int) -> tuple[str, str]:
        """The done and the open part of a progress bar, `columns` wide together."""
        halves = int(min(max(share, 0.0), 1.0) * columns * 2)
        done = self.full * (halves // 2) + self.half * (halves % 2)
        return done, self.empty * (columns - len(done))

    def segments(self, shares: Sequence[float], columns: int) -> list[str]:
        """Parts of a whole as stretches of one bar; gaps between them do without colour."""
        stretches: list[str] = []
        edge = 0.0
        for share in shares:
            start, edge = round(edge * columns), edge + share
            long = round(edge * columns) - start
            stretches.append(self.full * (long - 1) + " " if long > 1 else self.full * long)
        return stretches

    def line(self, share: float, columns: int) -> str:
        """A bar for a count beside others; one column at least, for few is not none."""
        return self.full * max(1, round(min(max(share, 0.0), 1.0) * columns))

    def spark(self, values: Sequence[float], columns: int) -> str:
        """The last values as bars from zero to a bit over their highest, the newest rightmost."""
        values = values[-columns:]
        top = max(values, default=0.0) * 1.2  # steady work is then no solid block
        last = len(self.levels) - 1
        bars = (self.levels[round(v / top * last) if top > 0.0 else 0] for v in values)
        return "".join(bars).rjust(columns)


UNICODE = Glyphs("━", "╸", "─", "■", "▁▂▃▄▅▆▇█", "→", "·")
ASCII = Glyphs("=", "-", ".", "#", "_.:-=+*#", "->", "|")


def glyphs_for(encoding: str) -> Glyphs:
    """What a stream of this encoding can show."""
    try:
        "━╸─■▁█→·".encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return ASCII
    return UNICODE
