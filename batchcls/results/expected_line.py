"""Decides whether a line is what its image's line must be, where no checksum vouches for it.

Whatever is known of a line before its image is looked at is compared: the path by the list, how
many classes there are, their names by their numbers, the order and range of scores, which facts
there are. What only the image can tell is not: the digits of scores and facts, and the message of
a failure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Self

from batchcls.images import ImageRef, Prediction
from batchcls.results import record

ROUNDED = 5e-7
"""By how much a score of six decimals may be off."""


@dataclass(frozen=True, slots=True)
class ExpectedLine:
    """What is known of every line of a run.

    Attributes:
        names: of these; empty if there are too many to know them.
        top: the most classes of a line.
        threshold: the least score of a multi-label answer; None where every answer has `top`.
        probabilities: scores are from 0 to 1.
        facts: what an answer says besides.
        chosen: indices of the classes that count; None = all.
        always: of those that are in every answer whatever their rank.
    """

    classes: int
    names: Sequence[str]
    top: int
    threshold: float | None = None
    probabilities: bool = False
    facts: Sequence[str] = ()
    chosen: frozenset[int] | None = None
    always: Sequence[int] = ()

    @classmethod
    def of(cls, fingerprint: Mapping[str, Any], labels: Mapping[str, Any]) -> Self:
        """For the lines of a run.

        Args:
            fingerprint: of its manifest.
            labels: as workers describe them; see `batchcls.model.compile.description`.
        """
        chosen = labels.get("classes")
        count = labels["count"] if chosen is None else len(chosen)
        return cls(
            classes=labels["count"],
            names=labels["names"],
            top=min(fingerprint["top"] or count, count),
            threshold=fingerprint["threshold"],
            probabilities=fingerprint["activation"] != "none",
            facts=fingerprint["with"],
            chosen=None if chosen is None else frozenset(chosen),
            always=labels.get("always", ()),
        )

    def fits(self, line: bytes, image: ImageRef) -> bool:
        """Whether this can be the line of this image.

        Args:
            line: without its newline.
        """
        try:
            found = record.parse(line)
        except record.RecordError:
            return False
        if found.failure is not None:
            return record.failure_line(image, found.failure) == line
        if not self._may_be(found.top) or list(found.extra) != list(self.facts):
            return False
        if [one.index for one in found.always] != list(self.always):
            return False
        if not all(map(self._in_range, found.always)):
            return False
        top, always = map(self._named, (found.top, found.always))
        return record.ok_line(image, top, found.extra, always) == line

    def _named(self, classes: tuple[Prediction, ...]) -> tuple[Prediction, ...]:
        if not self.names:
            return classes
        return tuple(one._replace(label=self.names[one.index]) for one in classes)

    def _in_range(self, one: Prediction) -> bool:
        return not self.probabilities or 0 <= one.score <= 1

    def _may_be(self, top: Sequence[Prediction]) -> bool:
        """Whether a model may have answered so: as many classes, in this order."""
        if len(top) > self.top or (self.threshold is None and len(top) < self.top):
            return False
        if len({one.index for one in top if self._counts(one.index)}) < len(top):
            return False
        scores = [one.score for one in top]
        if self.threshold is not None and min(scores, default=1.0) < self.threshold - ROUNDED:
            return False
        if not all(map(self._in_range, top)):
            return False
        return all(a >= b for a, b in pairwise(scores))

    def _counts(self, index: int) -> bool:
        return index < self.classes and (self.chosen is None or index in self.chosen)
