"""What people corrected, as the truth about images."""

from collections.abc import Mapping
from pathlib import Path

from batchcls.report import corrections
from batchcls.report.corrections import Correction
from batchcls.report.rows import shown
from batchcls.report.truth import ANOTHER, Truth, Truths, read

ENDING = ".jsonl"
_NOT_ALL_SHOWN = frozenset("\ufffd…")
"""What stands in a path for bytes that are not UTF-8, and for a URL's query."""


class CorrectedTruths:
    """The classes that people named; where they said no more than "wrong", it is another one.

    A correction is of the image of its index and path, and of each other image of its path, in
    results of another list; but not where paths that differ may be shown alike.

    Args:
        said: the corrections, by index.
    """

    def __init__(self, said: Mapping[int, Correction]) -> None:
        self._said = said
        self._by_path = {
            one.path: index for index, one in said.items() if not {*one.path} & _NOT_ALL_SHOWN
        }
        self._used: set[int] = set()

    @property
    def unused(self) -> int:
        """Corrections of which no record has been looked up."""
        return len(self._said) - len(self._used)

    def of(self, path: str, index: int | None = None) -> Truth | None:
        """The truth about an image; None where nobody said anything."""
        path = shown(path)
        own = None if index is None else self._said.get(index)
        found = index if own is not None and own.path == path else self._by_path.get(path)
        if found is None:
            return None
        self._used.add(found)
        label = self._said[found].label
        return Truth(None, label) if label else ANOTHER


def read_truth(path: str) -> Truths:
    """A truth file: corrections where its name ends in ``.jsonl``, else a table.

    Raises:
        UsageError: it cannot be read, or is no such file.
        RefusedError: a line is no correction.
    """
    if not path.endswith(ENDING):
        return read(path)
    return CorrectedTruths(corrections.read(Path(path)))
