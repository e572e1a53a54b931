"""What people corrected, as the truth about images."""

from collections.abc import Mapping
from pathlib import Path

from batchcls.report import corrections
from batchcls.report.rows import shown
from batchcls.report.truth import ANOTHER, Truth, Truths, read

ENDING = ".jsonl"


class CorrectedTruths:
    """The classes that people named; where they said no more than "wrong", it is another one.

    Args:
        by_path: the corrections' labels by path, as records show it.
    """

    def __init__(self, by_path: Mapping[str, str]) -> None:
        self._by_path = by_path
        self._used: set[str] = set()

    @property
    def unused(self) -> int:
        """Corrections of which no record has been looked up."""
        return len(self._by_path) - len(self._used)

    def of(self, path: str) -> Truth | None:
        """The truth about an image; None where nobody said anything."""
        label = self._by_path.get(path := shown(path))
        if label is None:
            return None
        self._used.add(path)
        return Truth(None, label) if label else ANOTHER


def read_truth(path: str) -> Truths:
    """A truth file: corrections where its name ends in ``.jsonl``, else a table.

    Raises:
        UsageError: it cannot be read, or is no such file.
        RefusedError: a line is no correction.
    """
    if not path.endswith(ENDING):
        return read(path)
    said = corrections.read(Path(path))
    return CorrectedTruths({one.path: one.label for one in said.values()})
