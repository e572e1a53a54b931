"""``--to csv``: a table as text, all of it quoted; numbers and what is missing are not.

A spreadsheet takes text that begins with one of `FORMULA` for a formula, which a label or a file's
name could smuggle in; such text gets an apostrophe before it.
"""

from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path

from batchcls.report.export.columns import Value, table
from batchcls.report.export.kind import Kind
from batchcls.report.export.material import Material

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""The last four are the full-width forms of the first."""

OF_ONE_FORM = frozenset({"path_b64", "error", "sha256", "phash", "captured", "gps"})
"""Columns whose text we make, so that nobody can put a formula in."""

ROWS = 5_000
"""Written at once."""


def write(material: Material, out: Path) -> None:
    """See `Kind`."""
    columns, rows = table(material)
    forms = [_plain if column.name in OF_ONE_FORM else _field for column in columns]
    with out.open("w", encoding="utf-8", newline="") as file:
        file.write(",".join(_field(column.name) for column in columns) + "\n")
        while some := list(islice(rows, ROWS)):
            file.writelines([_line(row, forms) for row in some])


def _line(row: tuple[Value, ...], forms: Sequence[Callable[[Value], str]]) -> str:
    return ",".join([form(value) for form, value in zip(forms, row, strict=True)]) + "\n"


def _field(value: Value) -> str:
    if isinstance(value, str) and value.startswith(FORMULA):
        value = "'" + value
    return _plain(value)


def _plain(value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return '"' + value.replace('"', '""') + '"'
    return f"{value:.6f}" if isinstance(value, float) else str(value)


KIND = Kind(write, takes=frozenset({"long"}))
