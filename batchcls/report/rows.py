"""The images of results as reports and exports see them: the record, and what a person said.

A stream over finished results, or over those that grow: these are read as far as they went when
they were found, so that each pass sees the same.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple, Self

from batchcls.errors import RefusedError, UsageError
from batchcls.images import Failure, Prediction
from batchcls.report.corrections import Correction
from batchcls.report.reading import parsed, results_file
from batchcls.results.record import ParsedRecord


class Row(NamedTuple):
    """One image.

    Attributes:
        record: its line.
        corrected: its label as a person says; None where nobody did.
    """

    record: ParsedRecord
    corrected: str | None = None

    @property
    def top(self) -> tuple[Prediction, ...]:
        """What the model said, best first; empty for a failure."""
        return self.record.top

    @property
    def failure(self) -> Failure | None:
        """Why the model said nothing."""
        return self.record.failure

    @property
    def label(self) -> str | None:
        """The corrected label, else the best one; None where there is none."""
        if self.corrected is not None:
            return self.corrected
        return self.record.top[0].label if self.record.top else None

    @property
    def score(self) -> float | None:
        """The best class's; None where a person named the class, or there is none."""
        return self.record.top[0].score if self.corrected is None and self.record.top else None

    @property
    def margin(self) -> float | None:
        """By how much the best class's score is above the next one's, where that is known."""
        if self.corrected is not None:
            return None
        noted, top = self.record.extra.get("margin"), self.record.top
        if isinstance(noted, float):
            return noted
        return top[0].score - top[1].score if len(top) > 1 else None


@dataclass(frozen=True, slots=True)
class Results:
    """A results file, as it was when it was found.

    Attributes:
        path: of the file that is there.
        complete: it is the finished one.
        size: bytes.
    """

    path: Path
    complete: bool
    size: int

    @classmethod
    def find(cls, name: str) -> Self:
        """The results that a user names.

        Raises:
            UsageError: there are none.
        """
        path, complete = results_file(name)
        return cls(path, complete, path.stat().st_size)

    def open(self) -> IO[bytes]:
        """The file.

        Raises:
            UsageError: it cannot be read.
        """
        try:
            return self.path.open("rb")
        except OSError as error:
            raise UsageError(f"{self.path}: {error.strerror or error}") from error

    def rows(
        self,
        corrections: Mapping[int, Correction] | None = None,
        passed: Callable[[int], object] = lambda _: None,
    ) -> Iterator[Row]:
        """Each image, in order.

        Args:
            corrections: what people said, by index.
            passed: told, now and then, how many bytes were read since it was told last.

        Raises:
            RefusedError: a line is no record, or a correction is of another image.
        """
        said = corrections or {}
        left, untold = self.size, 0
        with self.open() as file:
            for number, line in enumerate(file, 1):
                if len(line) > left or not line.endswith(b"\n"):
                    break
                left -= len(line)
                untold += len(line)
                if untold > 1 << 20:
                    passed(untold)
                    untold = 0
                record = parsed(self.path, number, line[:-1])
                yield Row(record, _label(said, record, self.path) if said else None)
        passed(untold)
        if self.complete and left:
            raise RefusedError(
                f"{self.path} does not end with a whole line; `batchcls verify` says more"
            )


def shown(path: str) -> str:
    """A path as the record's ``path`` has it: with U+FFFD for what is not UTF-8."""
    if path.isascii():
        return path
    return path.encode(errors="surrogateescape").decode(errors="replace")


def _label(corrections: Mapping[int, Correction], record: ParsedRecord, path: Path) -> str | None:
    said = corrections.get(record.index)
    if said is None:
        return None
    if said.path != shown(record.path):
        raise RefusedError(
            f"{path}: image {record.index:,} is {shown(record.path)}, but the correction is of "
            f"{said.path}; name the corrections of these results"
        )
    return said.label
