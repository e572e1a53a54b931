"""Lays out styled lines: which columns and parts fit a width, and how wide they are. Pure.

Rules of this file:

1. A line is a tuple of cells, a cell is text and the name of a style. No Rich in here: who has a
   terminal turns lines into Rich's `Text` (`screens.styles`), others print their text.
2. Text is made safe where it is laid out, because only then is its width known.

By hand: Rich's tables measure and wrap every cell again in each frame, and move columns about.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from batchcls.display import text

GAP = 2


@dataclass(frozen=True, slots=True)
class Cell:
    """Text, and the style it is shown in."""

    text: str
    style: str = ""


Line = tuple[Cell, ...]


def line(*cells: Cell) -> Line:
    """A line of these cells, made safe."""
    return tuple(Cell(text.safe(cell.text), cell.style) for cell in cells)


def plain(cells: Iterable[Cell]) -> str:
    """A line without its styles."""
    return "".join(cell.text for cell in cells).rstrip()


def columns_of(cells: Iterable[Cell]) -> int:
    """Terminal columns that a line takes."""
    return sum(text.width(cell.text) for cell in cells)


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    Attributes:
        keep: the higher, the longer the column stays when the terminal is narrow.
        most: columns of the terminal that it takes at most.
        end: cut at the start, so that the end of a path stays.
    """

    title: str
    cells: Sequence[Cell]
    right: bool = False
    keep: int = 0
    most: int = 40
    end: bool = False

    @property
    def width(self) -> int:
        """Columns of the terminal it wants."""
        widest = max((text.width(text.safe(cell.text)) for cell in self.cells), default=0)
        return min(self.most, max(len(self.title), widest))


def table(columns: Sequence[Column], width: int) -> list[Line]:
    """Lines of a table that fits `width`: the least important columns go, the last one is cut."""
    shown = list(columns)
    while len(shown) > 1 and sum(column.width + GAP for column in shown) - GAP > width:
        shown.remove(min(shown, key=lambda column: column.keep))
    titles = tuple(Cell(column.title, "dim") for column in shown)
    widths = [min(column.width, width) for column in shown]
    return [_row(cells, shown, widths) for cells in (titles, *_rows(shown))]


def aligned(
    rows: Sequence[Sequence[str]], *, right: Sequence[int] = (), indent: int = 0, most: int = 1000
) -> str:
    """Rows of cells as aligned lines of plain text, without titles, however wide they become.

    Args:
        rows: every row has as many cells as the others.
        right: numbers of the columns that are flush right.
        indent: spaces before each line.
        most: terminal columns that a cell takes at most; the rest of it is cut off.
    """
    columns = [
        Column("", [Cell(cell) for cell in cells], right=number in right, most=most)
        for number, cells in enumerate(zip(*rows, strict=True))
    ]
    widths = [column.width for column in columns]
    lines = (plain(_row(cells, columns, widths)) for cells in _rows(columns))
    return "\n".join(" " * indent + line for line in lines)


def _rows(columns: Sequence[Column]) -> Iterable[tuple[Cell, ...]]:
    return zip(*(column.cells for column in columns), strict=True)


def _row(cells: Sequence[Cell], columns: Sequence[Column], widths: Sequence[int]) -> Line:
    row: list[Cell] = []
    for cell, column, width in zip(cells, columns, widths, strict=True):
        shown = text.fit(cell.text, width, keep="end" if column.end else "start")
        space = " " * (width - text.width(shown))
        row.append(Cell((space if column.right else "") + shown, cell.style))
        row.append(Cell(("" if column.right else space) + " " * GAP))
    return tuple(row[:-1])


def joined(parts: Sequence[Cell], width: int, gap: str = "   ") -> Line:
    """Parts one after the other, as many from the first on as fit `width`."""
    row: list[Cell] = []
    for part in line(*parts):
        if columns_of([*row, Cell(gap), part] if row else [part]) > width:
            break
        row += [Cell(gap), part] if row else [part]
    return tuple(row) or (Cell(text.fit(parts[0].text, width), parts[0].style),) if parts else ()


def cut(cells: Line, width: int) -> Line:
    """A line without what goes beyond `width`."""
    kept: list[Cell] = []
    for cell in cells:
        room = width - columns_of(kept)
        kept.append(
            cell if text.width(cell.text) <= room else Cell(text.fit(cell.text, room), cell.style)
        )
    return tuple(kept)


def padded(cells: Line, width: int) -> Line:
    """A line made `width` columns wide."""
    return (*cells, Cell(" " * max(0, width - columns_of(cells))))


def beside(left: Sequence[Line], right: Sequence[Line], width: int) -> list[Line]:
    """Two blocks of lines next to each other, the right one beginning at `width`."""
    both = max(len(left), len(right))
    lefts = [*left, *[()] * (both - len(left))]
    rights = [*right, *[()] * (both - len(right))]
    return [(*padded(a, width), *b) if b else a for a, b in zip(lefts, rights, strict=True)]
