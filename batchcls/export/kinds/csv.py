"""``--to csv``: a table as text, all of it quoted; numbers and what is missing are not.

A spreadsheet takes text that begins with one of `FORMULA` for a formula, which a label or a file's
name could smuggle in; such text gets an apostrophe before it.
"""

from itertools import islice
from pathlib import Path

from batchcls.export.columns import Value, table
from batchcls.export.kind import Kind
from batchcls.export.material import Material

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
ROWS = 5_000
"""Written at once."""


def write(material: Material, out: Path) -> None:
    """See `Kind`."""
    columns, rows = table(material)
    with out.open("w", encoding="utf-8", newline="") as file:
        file.write(",".join(_quoted(column.name) for column in columns) + "\n")
        while some := list(islice(rows, ROWS)):
            file.writelines([_line(row) for row in some])


def _line(row: tuple[Value, ...]) -> str:
    return ",".join([_field(value) for value in row]) + "\n"


def _field(value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return _quoted(value)
    return f"{value:.6f}" if isinstance(value, float) else str(value)


def _quoted(text: str) -> str:
    if text.startswith(FORMULA):
        text = "'" + text
    return '"' + text.replace('"', '""') + '"'


KIND = Kind(write, takes=frozenset({"long"}))
