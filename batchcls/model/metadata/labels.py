"""Class names: the forms they come in, and whether they fit the number of classes.

One name per line; ``id name[, synonyms]`` per line; a JSON list; a JSON object id → name. A list of
1000 names for 1001 classes, or the reverse, differs by ImageNet's background row and is set right;
any other difference is an error.
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from batchcls.errors import LabelsError

BACKGROUND = "background"
_BACKGROUNDS = frozenset({"background", "__background__", "other", "dummy", "n/a"})
_MOST = 1 << 22  # classes
_NUMBERED = re.compile(r"\s*(\d+)[\s:,]+(.*\S)\s*")
_SYNSET = re.compile(r"\s*(n\d{8})\s+(.*\S)\s*")


def read(path: Path) -> tuple[str, ...]:
    """The labels in a file.

    Raises:
        LabelsError: it cannot be read, is not text, or holds no labels.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise LabelsError(f"cannot read the labels file {path}: {error.strerror}") from error
    return parse(data, str(path))


def parse(data: bytes, name: str) -> tuple[str, ...]:
    """The labels in a file's bytes; `name` is the file, for messages.

    Raises:
        LabelsError: not UTF-8, broken JSON, ids with gaps, or empty.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise LabelsError(f"labels file {name} is not UTF-8 text (byte {error.start})") from error
    if text.lstrip()[:1] in ("[", "{"):
        try:
            found = from_json(json.loads(text), name)
        except ValueError as error:
            raise LabelsError(f"labels file {name} is not valid JSON: {error}") from error
    else:
        found = _lines(text, name)
    if not found:
        raise LabelsError(f"labels file {name} is empty")
    return found


def from_json(value: Any, name: str) -> tuple[str, ...]:
    """Labels from a JSON list of names, or an object id → name.

    Raises:
        LabelsError: another structure, or ids that are not 0, 1, 2, ….
    """
    if isinstance(value, list):
        return tuple(_text(label) for label in value)
    if isinstance(value, dict):
        found = by_id(value, name)
        if "" in found:
            gap = found.index("")
            raise LabelsError(f"labels in {name}: id {gap} is missing among {len(value)} ids")
        return found
    raise LabelsError(f"labels in {name}: expected a list of names, or an object from id to name")


def by_id(value: Mapping[Any, Any], name: str) -> tuple[str, ...]:
    """Labels of an object id → name, with "" for an id that is left out.

    Raises:
        LabelsError: an id is no number, or far beyond the others.
    """
    names = {_id(key, name): _text(label) for key, label in value.items()}
    return tuple(names.get(index, "") for index in range(max(names, default=-1) + 1))


def _id(key: Any, name: str) -> int:
    try:
        found = int(key)
    except ValueError as error:
        raise LabelsError(f"labels in {name}: id {key!r} is not a number") from error
    if not 0 <= found < _MOST:
        raise LabelsError(f"labels in {name}: id {key} is out of range")
    return found


def fit(labels: Sequence[str], classes: int, name: str, *, first: str = "") -> tuple[str, ...]:
    """The labels for a model with this many classes; the background row added or taken off.

    One name too few is ImageNet's background with 1000 names for 1001 classes; elsewhere it may as
    well be the last one, and every label would be off by one.

    Args:
        labels: class names; a class whose name is "" is numbered.
        classes: of the model.
        name: of where the labels are from, for messages.
        first: name of class 0 where one name too few always means that one.

    Raises:
        LabelsError: the counts differ by anything but a background row.
    """
    count = len(labels)
    if count == classes:
        spare = numbered(classes)
        return tuple(label or spare[index] for index, label in enumerate(labels))
    first_is_background = count > 0 and labels[0].split(",")[0].strip().lower() in _BACKGROUNDS
    if count == classes + 1 and first_is_background:
        return tuple(labels[1:])
    lacking = first or (BACKGROUND if (count, classes) == (1000, 1001) else "")
    if count == classes - 1 and lacking and count and not first_is_background:
        return (lacking, *labels)
    raise LabelsError(
        f"{name} has {count} labels, the model has {classes} classes; "
        "name the labels of this model with `--labels`"
    )


def numbered(classes: int) -> tuple[str, ...]:
    """Labels for a model that comes with none: "class 0", "class 1", …."""
    return tuple(f"class {index}" for index in range(classes))


def _lines(text: str, name: str) -> tuple[str, ...]:
    lines = [line.rstrip("\r") for line in text.split("\n")]
    while lines and not lines[-1].strip():
        lines.pop()
    matches = [_NUMBERED.fullmatch(line) for line in lines]
    if lines and all(matches):
        names = {int(match[1]): match[2] for match in matches if match}
        if len(names) == len(lines) and set(names) == set(range(len(lines))):
            return tuple(names[index] for index in range(len(lines)))
    synsets = [_SYNSET.fullmatch(line) for line in lines]
    if lines and all(synsets):
        return tuple(match[2] for match in synsets if match)
    for number, line in enumerate(lines, 1):
        if not line.strip():
            raise LabelsError(f"labels file {name}: line {number} is empty")
    return tuple(line.strip() for line in lines)


def _text(label: Any) -> str:
    if isinstance(label, list) and label:  # ["n01440764", "tench"], Keras's class index
        label = label[-1]
    if not isinstance(label, str):
        raise LabelsError(f"a label is not text: {label!r}")
    return label.strip()
