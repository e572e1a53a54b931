"""What the images really show: a truth file's rows or the folders' names, looked up by path.

A truth file is CSV or TSV: ``file,index,label``, ``file,label``, ``path,class``, with or without a
header. A file of it and an image of the results are the same when one path ends with the other.
"""

import csv
import io
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

from batchcls.errors import UsageError
from batchcls.images import unnamed
from batchcls.sources.containers.kinds import BETWEEN, container_path

FILE_COLUMNS = ("file", "path", "filename", "file_name", "filepath", "image", "image_path")
INDEX_COLUMNS = ("index", "class_index", "class_id", "label_index", "label_id", "target", "id")
LABEL_COLUMNS = (
    "label",
    "class",
    "class_name",
    "label_name",
    "category",
    "truth",
    "name",
    "synset",
    "wnid",
)


@dataclass(frozen=True, slots=True)
class Truth:
    """The class of an image: its index, its label, or both."""

    index: int | None
    label: str | None

    def __str__(self) -> str:
        if self == ANOTHER:
            return "another class"
        return self.label if self.label is not None else unnamed(self.index or 0)


ANOTHER = Truth(None, None)
"""Not what was answered; which class it is, nobody said."""


class Truths(Protocol):
    """Where the truth about images comes from."""

    @property
    def unused(self) -> int:
        """Images known here of which no record has been looked up."""

    def of(self, path: str, index: int | None = None) -> Truth | None:
        """The truth about an image; None where nothing is known.

        Args:
            index: its place in the list, where that is known.
        """


class FolderTruths:
    """An image's class is the name of the folder that holds it, inside its container if it has one.

    What lies in no folder of its container has no class: a shard's name is none.
    """

    unused = 0

    def of(self, path: str, index: int | None = None) -> Truth | None:
        """The truth about an image; None for one that lies in no folder."""
        if container := container_path(path):
            path = path[len(container) + len(BETWEEN) :]
        folder = PurePosixPath(path).parent.name
        return Truth(None, folder) if folder else None


class ListedTruths:
    """The rows of a truth file.

    Args:
        rows: (path, truth); a path must not come twice.
        name: of the file, for messages.

    Raises:
        UsageError: a path comes twice with different classes.
    """

    def __init__(self, rows: Iterable[tuple[str, Truth]], name: str = "the truth") -> None:
        self._name = name
        self._by_path: dict[str, Truth] = {}
        self._by_file_name: dict[str, list[str]] = {}
        self._used: dict[str, str] = {}
        for path, truth in rows:
            path = os.path.normpath(path)
            if self._by_path.setdefault(path, truth) != truth:
                raise UsageError(f"{name}: {path} is listed twice, with different classes")

    def __len__(self) -> int:
        return len(self._by_path)

    @property
    def rows(self) -> Mapping[str, Truth]:
        """Its rows, by path."""
        return self._by_path

    @property
    def unused(self) -> int:
        """Rows of which no record has been looked up."""
        return len(self._by_path) - len(self._used)

    def of(self, path: str, index: int | None = None) -> Truth | None:
        """The truth about an image; None where no row is about it.

        Raises:
            UsageError: a row could be about several images, or an image about several rows.
        """
        row = self._row(os.path.normpath(path))
        if row is None:
            return None
        first = self._used.setdefault(row, path)
        if first != path:
            raise UsageError(
                f"{self._name}: {row} could be {first} or {path}; "
                "write paths in it as they stand in the results"
            )
        return self._by_path[row]

    def _row(self, path: str) -> str | None:
        if path in self._by_path:
            return path
        parts = path.split("/")
        for start in range(1, len(parts)):
            if (shorter := "/".join(parts[start:])) in self._by_path:
                return shorter
        if not self._by_file_name:
            for row in self._by_path:
                self._by_file_name.setdefault(row.rpartition("/")[2], []).append(row)
        longer = [r for r in self._by_file_name.get(parts[-1], ()) if r.endswith("/" + path)]
        if len(longer) > 1:
            raise UsageError(f"{self._name}: {path} could be {longer[0]} or {longer[1]}")
        return longer[0] if longer else None


def read(path: str) -> ListedTruths:
    """The truth file at `path`.

    Raises:
        UsageError: it cannot be read, or is not a truth file.
    """
    try:
        # Names that are not UTF-8 become surrogates, as everywhere.
        text = Path(path).read_text(encoding="utf-8", errors="surrogateescape")
    except OSError as error:
        raise UsageError(f"truth file {path}: {error.strerror or error}") from error
    return parse(text, f"truth file {path}")


def parse(text: str, name: str = "the truth") -> ListedTruths:
    """The rows of a truth file's text.

    Raises:
        UsageError: no rows, rows of different lengths, or columns that it does not recognise.
    """
    text = text.removeprefix("\ufeff")  # Excel's mark of UTF-8
    first = text.partition("\n")[0]
    delimiter = "\t" if "\t" in first and "," not in first else ","
    try:
        rows = [r for r in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if r]
    except csv.Error as error:
        raise UsageError(f"{name}: not a CSV file: {error}") from error
    if not rows:
        raise UsageError(f"{name}: empty")
    names = [cell.strip().lower() for cell in rows[0]]
    header = any(cell in FILE_COLUMNS for cell in names)
    body = rows[1:] if header else rows
    if not body:
        raise UsageError(f"{name}: no rows below the header")
    for number, row in enumerate(body, 2 if header else 1):
        if len(row) != len(names):
            raise UsageError(f"{name}: row {number} has {len(row)} columns, not {len(names)}")
    file, index, label = _columns(names, body, header, name)
    return ListedTruths(_truths(body, file, index, label, name), name)


def _columns(
    names: Sequence[str], body: Sequence[Sequence[str]], header: bool, name: str
) -> tuple[int, int | None, int | None]:
    """Which columns hold the file, the index, the label."""
    if header:
        file = _first(names, FILE_COLUMNS)
        index, label = _first(names, INDEX_COLUMNS), _first(names, LABEL_COLUMNS)
    else:
        file = 0
        index, label = {2: (None, 1), 3: (1, 2)}.get(len(names), (None, None))
    if file is None or (index is None and label is None):
        raise UsageError(
            f"{name}: columns not recognised ({', '.join(names)}); "
            "give it a header such as file,index,label or file,label"
        )
    if index is None and label is not None and all(row[label].strip().isdigit() for row in body):
        return file, label, None  # "class" with numbers in it
    return file, index, label


def _first(names: Sequence[str], known: Sequence[str]) -> int | None:
    return next((names.index(column) for column in known if column in names), None)


def _truths(
    body: Sequence[Sequence[str]], file: int, index: int | None, label: int | None, name: str
) -> Iterable[tuple[str, Truth]]:
    shared: dict[Truth, Truth] = {}  # a million rows, a thousand classes
    for row in body:
        try:
            number = None if index is None else int(row[index])
        except ValueError as error:
            raise UsageError(f"{name}: {row[file]}: {row[index or 0]!r} is not an index") from error
        truth = Truth(number, None if label is None else row[label].strip())
        yield row[file], shared.setdefault(truth, truth)
