"""Where each line of the results is and how sure it is: what a review needs of all images.

Memory is bounded: 4 bytes an image, and 2 more while they are sorted. A line is found by its number
through the place of every `STEP`-th line; the order by certainty is a counting sort of leads cut to
16 bits.
"""

from array import array
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal, Self

from batchcls.errors import RefusedError
from batchcls.report.lines import untold
from batchcls.report.rows import Results, Row
from batchcls.report.scan import scan
from batchcls.results.record import ParsedRecord

STEP = 64
LEVELS = 65_000
"""Of leads from 0 to 1; greater ones are the last."""
NO_CLASS, FAILED = LEVELS + 1, LEVELS + 2
"""In place of a level."""

Order = Literal["unsure", "sure", "list"]
ORDERS: tuple[Order, ...] = ("unsure", "sure", "list")


@dataclass(slots=True)
class Overview:
    """What one pass over the lines leaves.

    Attributes:
        results: the lines are read as far as they went then.
        first: index of the image of the first line; above 0 for shards.
        count: lines.
        labels: best classes, by label as it stands in the lines.
        failed: lines without an answer.
    """

    results: Results
    first: int = 0
    count: int = 0
    failed: int = 0
    labels: Counter[bytes] = field(default_factory=Counter)
    _places: "array[int]" = field(default_factory=lambda: array("Q"))
    _by_lead: "array[int]" = field(default_factory=lambda: array("I"))

    @classmethod
    def of(cls, results: Results, told: Callable[[int], object] = untold) -> Self:
        """Read all lines.

        Args:
            told: how many bytes were read; see `ResultsFile.lines`.

        Raises:
            RefusedError: a line is no record, or of another image than its place says.
        """
        found = cls(results)
        levels = array("H")
        for offset, line in results.lines(told):
            said = scan(line)
            if said is None:
                raise RefusedError(
                    f"{results.path}, byte {offset:,}: not a record; `batchcls verify` says more"
                )
            if not found.count:
                found.first = said.index
            if said.index != found.first + found.count:
                raise RefusedError(
                    f"{results.path}, byte {offset:,}: image {said.index:,} stands where "
                    f"{found.first + found.count:,} belongs; a review needs whole results, in order"
                )
            if found.count % STEP == 0:
                found._places.append(offset)
            levels.append(found._level(said.label, said.margin, said.kind))
            found.count += 1
        found._by_lead = _sorted(levels)
        return found

    def _level(self, label: bytes | None, margin: float, kind: str) -> int:
        if kind:
            self.failed += 1
            return FAILED
        if label is None:
            return NO_CLASS
        self.labels[label] += 1
        return int(min(max(margin, 0.0), 1.0) * LEVELS)

    def record(self, index: int) -> ParsedRecord | None:
        """The record of an image; None if there is none of that index."""
        number = index - self.first
        if not 0 <= number < self.count:
            return None
        return self.results.record(self._places[number // STEP], number % STEP)

    def ordered(self, order: Order, chosen: bytearray | None = None) -> Iterator[int]:
        """Indices of images: the unsure first, the sure first, or as they are listed.

        Failed images come last, but in the list's order.

        Args:
            chosen: a byte for each line, 0 for those that are left out; None = none is.
        """
        numbers: Iterator[int]
        if order == "list":
            numbers = iter(range(self.count))
        elif order == "unsure":
            numbers = iter(self._by_lead)
        else:
            answered = self.count - self.failed
            numbers = (
                self._by_lead[n if n >= answered else answered - 1 - n] for n in range(self.count)
            )
        for number in numbers:
            if chosen is None or chosen[number]:
                yield self.first + number

    def choose(self, test: Callable[[Row], bool], said: Callable[[int], str | None]) -> bytearray:
        """Which images a test lets through, a byte for each line.

        Args:
            said: what a person said of an image.
        """
        chosen = bytearray(self.count)
        for number, row in enumerate(self.results.rows()):
            chosen[number] = test(Row(row.record, said(row.record.index)))
        return chosen


def _sorted(levels: "array[int]") -> "array[int]":
    """The numbers of lines by their level; of equals, in their own order."""
    starts = [0] * (FAILED + 2)
    for level in levels:
        starts[level + 1] += 1
    for level in range(FAILED + 1):
        starts[level + 1] += starts[level]
    found = array("I", [0]) * len(levels)
    for number, level in enumerate(levels):
        found[starts[level]] = number
        starts[level] += 1
    return found
