"""Reads a file of class names, in the forms that people have.

A name per line, or `id name`; JSON or a Python literal; CSV; YAML; TensorFlow's label map. The
content decides, and the file's ending only between CSV, YAML and plain lines. What is understood as
none of them is one error that shows what was seen.
"""

import ast
import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from batchcls.errors import LabelsError, ModelError
from batchcls.model.files import content
from batchcls.model.metadata import labels, yaml_files

UNDERSTOOD = (
    "a name per line, `id name` per line, CSV with a column of names, a list of names, an object "
    "from id to name or from name to id, YAML with names, or a .pbtxt label map"
)

_NUMBERED = re.compile(r"\s*(\d+)[\s:,]+(.*\S)\s*")
_MARKED = re.compile(r"\s*\d+\s*[:,\t]")
_SYNSET = re.compile(r"\s*(n\d{8})[\s,]+(.*\S)\s*")
_MAP_ITEM = re.compile(r"\bitem\s*\{(.*?)\}", re.DOTALL)
_MAP_KEY = re.compile(r"\b(id|name|display_name)\s*:\s*(?:(\d+)|\"([^\"]*)\"|'([^']*)')")

NAME_COLUMNS = (
    "name",
    "label",
    "class_name",
    "label_name",
    "class",
    "category_name",
    "tag",
    "names",
)
ID_COLUMNS = ("id", "index", "idx", "class_id", "class_index", "label_id", "class_idx", "number")
KEYS = (
    *("names", "id2label", "labels", "label_names", "classes", "class_names", "categories"),
    *("label2id", "class_to_idx", "class_indices"),
)
"""Of a larger object, where the names may stand."""


def read(path: Path) -> tuple[str, ...]:
    """The labels in a file.

    Raises:
        LabelsError: it cannot be read, or is not understood.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise LabelsError(f"cannot read the labels file {path}: {error.strerror}") from error
    return parse(data, str(path))


def parse(data: bytes, name: str) -> tuple[str, ...]:
    """The labels in a file's bytes; `name` is the file, for messages.

    Raises:
        LabelsError: no text, none of the forms, ids with gaps, or empty.
    """
    if (what := content.foreign(data)) is not None:
        raise LabelsError(f"labels file {name} is {what}, not a list of class names")
    text = _decoded(data, name)
    if not text.strip():
        raise LabelsError(f"labels file {name} is empty")
    ending = Path(name).suffix.lower()
    if _MAP_ITEM.search(text):
        found = _label_map(text, name)
    elif text.lstrip()[:1] in ("[", "{"):
        found = from_value(_literal(text, name), name)
    elif ending in (".yaml", ".yml"):
        found = _yaml(data, name)
    elif ending in (".csv", ".tsv") or (rows := _headed(text)) is not None:
        found = _table(_rows(text) if ending in (".csv", ".tsv") else rows, name)
    else:
        found = _lines(text, name)
    if not found:
        raise LabelsError(f"labels file {name} holds no names")
    return found


def from_value(value: Any, name: str) -> tuple[str, ...]:
    """Labels of what JSON, Python or YAML holds.

    Raises:
        LabelsError: another structure, or ids that are not 0, 1, 2, ….
    """
    if isinstance(value, list):
        if value and all(isinstance(one, Mapping) for one in value):
            return _records(value, name)
        return labels.from_json(value, name)
    if not isinstance(value, dict):
        raise not_understood(name, f"it holds {str(value)[:60]!r}")
    inside = [value[key] for key in KEYS if isinstance(value.get(key), dict | list)]
    if inside:
        return from_value(inside[0], name)
    if value and all(_is_count(one) for one in value.values()):
        by_id = {index: key for key, index in value.items()}
        if len(by_id) < len(value):
            raise LabelsError(f"labels in {name}: two names have the same id")
        return labels.from_json(by_id, name)
    if not all(str(key).strip().lstrip("-").isdecimal() for key in value):
        shown = ", ".join(repr(str(key)[:30]) for key in list(value)[:3])
        raise not_understood(name, f"it holds an object with the keys {shown}")
    return labels.from_json(value, name)


def not_understood(name: str, seen: str) -> LabelsError:
    """The one error for what is none of the forms."""
    return LabelsError(f"labels file {name} is not understood: {seen}; expected {UNDERSTOOD}")


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _decoded(data: bytes, name: str) -> str:
    """Text of UTF-8 or, as Windows' Notepad saves it, UTF-16."""
    wide = data[:2] in (b"\xff\xfe", b"\xfe\xff")
    try:
        return data.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        kind = "UTF-16" if wide else "UTF-8"
        raise LabelsError(
            f"labels file {name} is not {kind} text (byte {error.start}); save it as UTF-8"
        ) from error


def _literal(text: str, name: str) -> Any:
    """A JSON value, or a Python literal: `{0: 'tench', 1: 'goldfish'}` circulates for ImageNet."""
    try:
        return json.loads(text)
    except RecursionError as error:
        raise LabelsError(f"labels file {name} is nested too deeply") from error
    except ValueError as error:
        try:
            return ast.literal_eval(text.strip())
        except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
            raise LabelsError(f"labels file {name} is not valid JSON: {error}") from error


def _records(value: Sequence[Mapping[Any, Any]], name: str) -> tuple[str, ...]:
    """Of COCO's categories and the like: [{"id": 0, "name": "cat"}, …]."""
    named = next((key for key in NAME_COLUMNS if all(key in one for one in value)), None)
    if named is None:
        raise not_understood(name, f"its first entry is {str(dict(value[0]))[:60]}")
    index = next((key for key in ID_COLUMNS if all(_is_count(o.get(key)) for o in value)), None)
    return _ordered(
        [labels.text(one[named]) for one in value],
        None if index is None else [int(one[index]) for one in value],
    )


def _ordered(names: Sequence[str], ids: Sequence[int] | None) -> tuple[str, ...]:
    """By ids where these are 0, 1, 2, …; else as they stand: ids of a database say nothing."""
    if ids is not None and sorted(ids) == list(range(len(names))):
        by_id = dict(zip(ids, names, strict=True))
        return tuple(by_id[index] for index in range(len(names)))
    return tuple(names)


def _yaml(data: bytes, name: str) -> tuple[str, ...]:
    try:
        return from_value(yaml_files.parse_any(data, f"labels file {name}"), name)
    except ModelError as error:
        raise LabelsError(str(error)) from error


def _label_map(text: str, name: str) -> tuple[str, ...]:
    """TensorFlow's: ids from 1, since 0 is the background."""
    names: dict[int, str] = {}
    for item in _MAP_ITEM.findall(text):
        values = {key: number or one or two for key, number, one, two in _MAP_KEY.findall(item)}
        label = values.get("display_name") or values.get("name")
        if label is None or not values.get("id", "").isdecimal():
            raise not_understood(name, f"an item is {' '.join(item.split())[:60]!r}")
        names[int(values["id"])] = label
    if 0 not in names:
        names[0] = labels.BACKGROUND
    return labels.from_json(names, name)


def _rows(text: str) -> list[list[str]]:
    """Cells of a table, by the separator that its lines agree on best."""
    tables = []
    for separator in (",", ";", "\t"):
        rows = csv.reader(io.StringIO(text), delimiter=separator, skipinitialspace=True)
        try:
            tables.append([[cell.strip() for cell in row] for row in rows if any(row)])
        except csv.Error:
            continue
    headed = [rows for rows in tables if rows and _is_head(rows[0])]
    even = headed or [rows for rows in tables if rows and len({len(row) for row in rows}) == 1]
    return max(even or tables[:1], key=lambda rows: len(rows[0]) if rows else 0, default=[])


def _headed(text: str) -> list[list[str]] | None:
    """A table in a file of another ending, if its first line is a header of several columns."""
    rows = _rows(text)
    if not rows or not _is_head(rows[0]) or any(len(row) != len(rows[0]) for row in rows):
        return None
    return rows


def _is_head(row: Sequence[str]) -> bool:
    return len(row) > 1 and _column(row, NAME_COLUMNS) is not None


def _table(rows: list[list[str]] | None, name: str) -> tuple[str, ...]:
    if not rows:
        return ()
    head, width = rows[0], len(rows[0])
    if any(len(row) != width for row in rows):
        raise not_understood(name, f"its lines have different numbers of columns ({head[:3]})")
    named, index = _column(head, NAME_COLUMNS), _column(head, ID_COLUMNS)
    if named is not None:
        body = rows[1:]
    elif width == 1:
        named, body = 0, rows
    elif width == 2 and all(row[0].isdecimal() or _SYNSET.match(row[0] + " x") for row in rows):
        named, index, body = 1, 0, rows
    else:
        raise not_understood(name, f"its first line is {', '.join(head)[:60]!r}")
    ids = None
    if index is not None and all(row[index].isdecimal() for row in body):
        ids = [int(row[index]) for row in body]
    return _ordered([row[named] for row in body], ids)


def _column(head: Sequence[str], known: Sequence[str]) -> int | None:
    lower = [cell.strip().lower() for cell in head]
    return next((lower.index(name) for name in known if name in lower), None)


def _lines(text: str, name: str) -> tuple[str, ...]:
    lines = [line.rstrip("\r") for line in text.split("\n")]
    while lines and not lines[-1].strip():
        lines.pop()
    matches = [_NUMBERED.fullmatch(line) for line in lines]
    if lines and all(matches):
        names = {int(match[1]): match[2] for match in matches if match}
        # From 1 only where a mark tells the number from the name: "1 euro" may be a name.
        first = min(names) if all(_MARKED.match(line) for line in lines) else 0
        if first <= 1 and sorted(names) == list(range(first, first + len(lines))):
            return tuple(_unquoted(names[index]) for index in sorted(names))
    synsets = [_SYNSET.fullmatch(line) for line in lines]
    if lines and all(synsets):
        return tuple(match[2] for match in synsets if match)
    for number, line in enumerate(lines, 1):
        if not line.strip():
            raise LabelsError(f"labels file {name}: line {number} is empty")
    return tuple(line.strip() for line in lines)


def _unquoted(label: str) -> str:
    """Of `0,"red fox, Vulpes vulpes"` the name."""
    return label[1:-1].replace('""', '"') if label[:1] == label[-1:] == '"' else label
