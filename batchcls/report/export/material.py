"""What a kind writes an export from: the rows that are meant, the choices, and what it refuses."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

from batchcls.display.text import counted, safe
from batchcls.errors import UsageError
from batchcls.report.corrections import Correction
from batchcls.report.rows import Results, Row, shown
from batchcls.report.where import Test

NAMED = 3
"""How many of the refused are named."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What a user chose besides kind and place; a kind `takes` some of it.

    Attributes:
        long: a row for each class, and not for each image.
        url_prefix: what stands before an image's path.
        copy: copy the images, and do not link to them.
        move: move them.
        keep_structure: keep the folders they are in, below those of their classes.
        min_score: the score from which a class becomes a keyword; the kind's own if None.
        prefix: the keyword above ours; the kind's own if None.
        unsure_below: the score below which a class does not count.
    """

    long: bool = False
    url_prefix: str = ""
    copy: bool = False
    move: bool = False
    keep_structure: bool = False
    unsure_below: float | None = None
    min_score: float | None = None
    prefix: str | None = None


@dataclass(slots=True)
class Refused:
    """What a kind cannot hold, for one reason: the first few, and how many."""

    names: list[str] = field(default_factory=list)
    count: int = 0


class Material:
    """Everything that one export is made of.

    Args:
        results: one, or several of the same images.
        choices: what the user chose.
        where: which images are meant; all if None.
        corrections: what people said of the images, by index; None where it is not to count.
        passed: told how many bytes of the results were read since it was told last.
    """

    def __init__(
        self,
        results: Sequence[Results],
        choices: Choices,
        where: Test | None = None,
        corrections: Mapping[int, Correction] | None = None,
        passed: Callable[[int], object] = lambda _: None,
    ) -> None:
        self.results = results
        self.choices = choices
        self.corrections = corrections
        self.images = self.failed = 0
        self._refused: dict[tuple[str, str], Refused] = {}
        self._where = where
        self._passed = passed

    def rows(self, passes: int = 1) -> Iterator[Row]:
        """Each image that is meant, in order; see `by_image`."""
        return (row for row, *_ in self.by_image(passes))

    def by_image(self, passes: int = 1) -> Iterator[tuple[Row, ...]]:
        """Each image that is meant, as each of the results has it; the first decides what is meant.

        Args:
            passes: how often the kind reads them in all, for who waits.

        Raises:
            UsageError: the results are not of the same images.
        """
        self.images = self.failed = 0
        streams = [self.results[0].rows(self.corrections, lambda n: self._passed(n // passes))]
        streams += [results.rows() for results in self.results[1:]]
        for found in zip_longest(*streams):
            rows = self._of_one_image(found) if len(streams) > 1 else found
            if rows is None:
                return
            if self._where is None or self._where(rows[0]):
                self.images += 1
                self.failed += rows[0].failure is not None
                yield rows

    def refuse(self, row: Row, why: str) -> None:
        """Note that the kind cannot hold an image of `rows`, and go on without it.

        Args:
            why: goes behind "1 image: ": "in a container, where … cannot open it".
        """
        self.images -= 1
        self.failed -= row.failure is not None
        self._note(row.record.path, "image", why)

    def refuse_label(self, label: str, why: str) -> None:
        """Note that the kind cannot hold a class that no image has; see `refuse`."""
        self._note(label, "class", why)

    def _note(self, name: str, what: str, why: str) -> None:
        noted = self._refused.setdefault((what, why), Refused())
        noted.count += 1
        if len(noted.names) < NAMED:
            noted.names.append(name)

    @property
    def refused(self) -> str:
        """What the kind could not hold, a line for each reason; empty if it holds everything."""
        lines = []
        for (what, why), noted in self._refused.items():
            more = " …" if noted.count > len(noted.names) else ""
            many = f"{what}s" if what == "image" else f"{what}es"
            names = ", ".join(safe(name) for name in noted.names)
            lines.append(f"  {counted(noted.count, what, many)}: {why} ({names}{more})")
        return "\n".join(lines)

    def _of_one_image(self, found: tuple[Row | None, ...]) -> tuple[Row, ...] | None:
        """The rows, if they are of the same image; None at the end of results that grow."""
        rows = tuple(row for row in found if row is not None)
        if len(rows) < len(found):
            ended = [r for r, row in zip(self.results, found, strict=True) if row is None]
            if any(results.complete for results in ended):
                raise UsageError(f"{ended[0].path} has fewer images than the other results")
            return None
        first = rows[0].record
        for results, row in zip(self.results[1:], rows[1:], strict=True):
            if (row.record.index, row.record.path) != (first.index, first.path):
                raise UsageError(
                    f"image {first.index:,} is {shown(first.path)} in {self.results[0].path}, but "
                    f"{shown(row.record.path)} in {results.path}; name results of the same images"
                )
        return rows
