"""The columns that tables have, whatever the file: one row an image, or one a class."""

import base64
import os
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from batchcls.job.choices import FACTS
from batchcls.report.export.material import Material
from batchcls.report.rows import Results, Row, shown

Value = int | float | str | None
NUMBERS: Mapping[str, type] = {"margin": float, "entropy": float, "width": int, "height": int}
"""Facts that are no text."""

_BLOCK = 1 << 20
_LONGEST_KEY = 64


class Column(NamedTuple):
    """One column: its name, and the type of what is in it where it is not empty."""

    name: str
    type: type


class Table(NamedTuple):
    """The columns of a table, and its rows."""

    columns: list[Column]
    rows: Iterator[tuple[Value, ...]]


def table(material: Material) -> Table:
    """What a table of these results holds.

    A failed image is a row in both forms: without label and score, with ``error`` and ``message``.
    """
    long = material.choices.long
    facts = _facts(material.results[0])
    names: list[Column] = [Column("i", int), Column("path", str), Column("path_b64", str)]
    names += [Column("rank", int)] if long else []
    names += [Column("index", int), Column("label", str), Column("score", float)]
    names += [Column("error", str), Column("message", str)]
    names += [Column(fact, NUMBERS.get(fact, str)) for fact in facts]
    corrected = material.corrections is not None
    names += [Column("corrected", int)] if corrected else []
    of = _by_class if long else _by_image
    return Table(names, _rows(material, of, facts, corrected=corrected))


def _rows(
    material: Material,
    of: Callable[[Row], list[tuple[Value, ...]]],
    facts: tuple[str, ...],
    *,
    corrected: bool,
) -> Iterator[tuple[Value, ...]]:
    for row in material.rows():
        record, failure = row.record, row.failure
        image = (record.index, shown(record.path), _bytes_of(record.path))
        rest: tuple[Value, ...] = ("", "") if failure is None else (failure.kind, failure.message)
        if facts:
            rest += tuple([record.extra.get(fact) for fact in facts])
        if corrected:
            rest += (int(row.corrected is not None),)
        for answer in of(row):
            yield image + answer + rest


def _by_image(row: Row) -> list[tuple[Value, ...]]:
    if row.corrected is None and row.record.top:
        best = row.record.top[0]
        return [(best.index, best.label, best.score)]
    return [(None, row.label, None)]


def _by_class(row: Row) -> list[tuple[Value, ...]]:
    record = row.record
    if row.corrected is None and (record.top or record.always):
        ranked = {c.index for c in record.top}
        found = [(n, c.index, c.label, c.score) for n, c in enumerate(record.top, 1)]
        rest = [(None, *c) for c in record.always if c.index not in ranked]
        return [*found, *rest]
    return [(None if row.label is None else 1, None, row.label, None)]


def _bytes_of(path: str) -> str | None:
    """The name's bytes in Base64, where it is not UTF-8."""
    if path.isascii():
        return None
    try:
        path.encode()
    except UnicodeEncodeError:
        return base64.b64encode(os.fsencode(path)).decode()
    return None


def _facts(results: Results) -> tuple[str, ...]:
    """The facts that any line has, in their order.

    The bytes looked for are no part of a text: there, every quotation mark has a backslash.
    """
    missing = {fact: f',"{fact}":'.encode() for fact in FACTS}
    left, tail = results.size, b""
    with results.open() as file:
        while missing and left > 0 and (block := file.read(min(_BLOCK, left))):
            left -= len(block)
            seen = tail + block
            missing = {fact: key for fact, key in missing.items() if key not in seen}
            tail = seen[-_LONGEST_KEY:]
    return tuple(fact for fact in FACTS if fact not in missing)
