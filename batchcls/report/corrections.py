"""Reads what people corrected: JSON lines; the last one of an image counts.

`batchcls review` appends them.

::

    {"of":"9f86d081…"}
    {"i":17,"path":"sub/a.jpg","label":"tabby","was":"tiger cat","at":"2026-11-30T07:12:03Z"}

``label`` is what the image shows, as a person says: the answer itself where that is right, "" where
it is wrong and the true class is not known; null takes the image's correction back. A last line
without its newline is one that was not written to its end, and is left out. The first line may say
of which results they are (`review.kept.identity`).
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from batchcls.errors import RefusedError, UsageError
from batchcls.results.rundir import RunPaths

NAME = "corrections.jsonl"
_SURROGATE = re.compile("[\ud800-\udfff]")
"""A half of a character, which no other file could hold."""


class Correction(NamedTuple):
    """What a person says of an image.

    Attributes:
        path: as the record has it: text, with U+FFFD where the name is not UTF-8.
        label: what it shows; "" = another class than the answer.
    """

    path: str
    label: str


def beside(results: Path) -> Path:
    """Where the corrections of these results are kept, finished or growing.

    In the job's directory; beside results that have none.
    """
    paths = RunPaths.of(results.with_name(results.name.removesuffix(".part")))
    if paths.directory.is_dir():
        return paths.directory / NAME
    return paths.results.with_name(f"{paths.results.name}.{NAME}")


def results_of(path: Path) -> str | None:
    """What the first line says of which results these are; None where it does not say.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return _of(file.readline())


def _of(line: bytes) -> str | None:
    try:
        said: Any = json.loads(line)
    except (ValueError, RecursionError):
        return None
    found = said.get("of") if isinstance(said, dict) else None
    return found if isinstance(found, str) else None


def read(path: Path) -> Mapping[int, Correction]:
    """The corrections in a file, by the index of the image.

    Raises:
        UsageError: it cannot be read.
        RefusedError: a whole line of it is no correction.
    """
    found: dict[int, Correction] = {}
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if line.endswith(b"\n") and not (number == 1 and _of(line)):
                    _take(found, line, f"{path}, line {number}")
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from error
    return found


def said_of(results: Path, named: str | None = None) -> Mapping[int, Correction]:
    """What people corrected of results.

    Args:
        named: the file that says so; None is the one beside the results.

    Raises:
        UsageError: it is not there, or cannot be read.
        RefusedError: it holds what is no correction.
    """
    path = beside(results) if named is None else Path(named)
    if named is None and not path.is_file():
        raise UsageError(f"there is no {path}; `batchcls review` writes it")
    return read(path)


def _take(found: dict[int, Correction], line: bytes, where: str) -> None:
    try:
        said: Any = json.loads(line)
        index, path, label = said["i"], said["path"], said["label"]
    except (ValueError, KeyError, TypeError, RecursionError):
        index, path, label = None, None, None
    texts = isinstance(path, str) and isinstance(label, str | None)
    if type(index) is not int or not texts or _SURROGATE.search(path + (label or "")):
        raise RefusedError(f"{where} is no correction: {line[:80]!r}")
    if label is None:
        found.pop(index, None)
    else:
        found[index] = Correction(path, label)
