"""Rows of cells as aligned lines of plain text, safe for a terminal. Pure."""

from collections.abc import Sequence

from batchcls.display.text import fit, width


def columns(
    rows: Sequence[Sequence[str]], *, right: Sequence[int] = (), indent: int = 0, most: int = 1000
) -> str:
    """Rows of cells as aligned lines.

    Args:
        rows: cells; every row of the same length.
        right: columns set flush right, by number.
        indent: spaces before each line.
        most: terminal columns that a cell takes; the rest of it is cut off.
    """
    clean = [[fit(cell, most) for cell in row] for row in rows]
    widths = [max(map(width, column)) for column in zip(*clean, strict=True)]
    lines = []
    for row in clean:
        cells = []
        for number, (cell, most) in enumerate(zip(row, widths, strict=True)):
            room = " " * (most - width(cell))
            cells.append(room + cell if number in right else cell + room)
        lines.append(" " * indent + "  ".join(cells).rstrip())
    return "\n".join(lines)
