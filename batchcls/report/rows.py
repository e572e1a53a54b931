"""The images of results as reports and exports see them: the record, and what a person said."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from batchcls.errors import RefusedError
from batchcls.images import Failure, Prediction
from batchcls.report.corrections import Correction
from batchcls.report.lines import ResultsFile, untold
from batchcls.results.record import ParsedRecord


class Row(NamedTuple):
    """One image.

    Attributes:
        record: its line.
        corrected: its label as a person says; "" where the answer is wrong and the class is not
            known; None where nobody said anything.
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
        """The corrected label, else the best one; None where there is none, or it is not known."""
        if self.corrected is not None:
            return self.corrected or None
        return self.record.top[0].label if self.record.top else None

    @property
    def score(self) -> float | None:
        """The best class's; None where a person corrected it, or there is none."""
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


class Results(ResultsFile):
    """A results file whose images are read with what people said of them."""

    def rows(
        self,
        corrections: Mapping[int, Correction] | None = None,
        passed: Callable[[int], object] = untold,
    ) -> Iterator[Row]:
        """Each image, in order.

        Args:
            corrections: what people said, by index.
            passed: see `lines`.

        Raises:
            RefusedError: a line is no record, or a correction is of another image.
        """
        said = corrections or {}
        for record in self.records(passed):
            yield Row(record, corrected_label(said, record, self.path) if said else None)


def shown(path: str) -> str:
    """A path as the record's ``path`` has it: with U+FFFD for what is not UTF-8."""
    if path.isascii():
        return path
    return path.encode(errors="surrogateescape").decode(errors="replace")


def corrected_label(
    corrections: Mapping[int, Correction], record: ParsedRecord, path: Path
) -> str | None:
    """What a person said of an image; None where nobody said anything.

    Args:
        path: of the results, for the message.

    Raises:
        RefusedError: it was said of another image.
    """
    said = corrections.get(record.index)
    if said is None:
        return None
    if said.path != shown(record.path):
        raise RefusedError(
            f"{path}: image {record.index:,} is {shown(record.path)}, but the correction is of "
            f"{said.path}; name the corrections of these results"
        )
    return said.label


def require_same_images(
    corrections: Mapping[int, Correction],
    record: Callable[[int], ParsedRecord | None],
    path: Path,
) -> None:
    """See that corrections are of the images of these results, as far as these go.

    Args:
        record: finds the record of an image by its index.
        path: of the corrections, for the message.

    Raises:
        RefusedError: one is of another image.
    """
    for index, said in corrections.items():
        found = record(index)
        if found is not None and shown(found.path) != said.path:
            raise RefusedError(
                f"{path} has corrections of other images: image {index:,} is {said.path} there, "
                f"and {shown(found.path)} in these results; move it away to review these"
            )
