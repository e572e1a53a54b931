"""Counts how right results are: top-1, top-5, by class, confusions, calibration. Pure."""

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from batchcls.report.chance import wilson
from batchcls.report.matching import Matching
from batchcls.report.truth import ANOTHER, Truth
from batchcls.results.record import ParsedRecord

BINS = 15
"""Bins of equal width for the calibration error, as Guo et al., 2017."""

DEEP = 5
"""The "5" of top-5."""


@dataclass(slots=True)
class ClassTally:
    """One class's images: how many, and how many found at rank 0 and within `DEEP`."""

    images: int = 0
    top1: int = 0
    top5: int = 0


@dataclass(slots=True)
class Tally:
    """Everything counted so far; memory grows with classes, not with images.

    A failed image counts as wrong. An image without truth counts nowhere else, nor does one of a
    class that the model does not have; where not all of its classes are known, such an image counts
    as wrong.

    Attributes:
        matching: how truth and predictions are compared.
        images: records seen.
        without_truth: of these, those that nothing is known about.
        unknown: of these, those of classes that the model does not have as far as is known.
        depth: the most classes in a record.
        failed: failures with a known truth, by kind.
        classes: by true class.
        confused: (true class, predicted label) → wrong top-1 answers.
        bins: by score of the best class: images, summed scores, right ones.
        probable: every best score was within 0 and 1.
    """

    matching: Matching
    images: int = 0
    without_truth: int = 0
    unknown: Counter[str] = field(default_factory=Counter)
    depth: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    classes: dict[str, ClassTally] = field(default_factory=dict)
    confused: Counter[tuple[str, str]] = field(default_factory=Counter)
    bins: list[list[float]] = field(default_factory=lambda: [[0, 0.0, 0] for _ in range(BINS)])
    probable: bool = True

    def add(self, record: ParsedRecord, truth: Truth | None) -> None:
        """Count one image."""
        self.images += 1
        if truth is None:
            self.without_truth += 1
            return
        if truth != ANOTHER and not self.matching.meant(truth):
            self.unknown[str(truth)] += 1
            if self.matching.classes.complete:
                return
        mine = self.classes.setdefault(str(truth), ClassTally())
        mine.images += 1
        if record.failure is not None:
            self.failed[record.failure.kind] += 1
            return
        if not record.top:  # a multi-label model that sees nothing
            return
        self.depth = max(self.depth, len(record.top))
        rank = self.matching.rank(truth, record.top)
        best = record.top[0]
        if rank == 0:
            mine.top1 += 1
        else:
            self.confused[str(truth), best.label] += 1
        if rank is not None and rank < DEEP:
            mine.top5 += 1
        self._calibrate(best.score, rank == 0)

    def _calibrate(self, score: float, right: bool) -> None:
        if not 0 <= score <= 1:
            self.probable = False
            return
        # Bins are closed above, as in the paper: a score of exactly 1/15 is in the first.
        found = self.bins[max(0, math.ceil(score * BINS) - 1)]
        found[0] += 1
        found[1] += score
        found[2] += right

    def evaluation(self) -> "Evaluation":
        """What it comes to."""
        counted = sum(c.images for c in self.classes.values())
        top1 = sum(c.top1 for c in self.classes.values())
        top5 = sum(c.top5 for c in self.classes.values())
        return Evaluation(
            images=self.images,
            counted=counted,
            without_truth=self.without_truth,
            unknown=dict(self.unknown.most_common()),
            unknown_counted=not self.matching.classes.complete,
            failed=dict(self.failed.most_common()),
            top1=top1,
            top5=top5,
            depth=min(self.depth, DEEP),
            interval=wilson(top1, counted),
            calibration_error=self._calibration_error(),
            classes=dict(sorted(self.classes.items(), key=_worst_first)),
            confused=tuple((*pair, n) for pair, n in sorted(self.confused.items(), key=_most)),
            note=self.matching.note,
            bins=tuple((int(n), scores, int(right)) for n, scores, right in self.bins),
        )

    def _calibration_error(self) -> float | None:
        answered = sum(n for n, _, _ in self.bins)
        if not answered or not self.probable:
            return None
        return sum(abs(scores - right) for _, scores, right in self.bins) / answered


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How right results are.

    Attributes:
        images: records in the results.
        counted: those with a truth; what the shares are of.
        without_truth: those without.
        unknown: those of classes that no class of the model is known to be, by true class.
        unknown_counted: they are part of `counted`, and wrong: not all of the model's classes are
            known.
        failed: images without answer by kind; part of `counted`, and wrong.
        top1: right at first.
        top5: right within the first five.
        depth: classes that the records hold, at most five; below five, `top5` is only "top-depth".
        interval: 95 % of where top-1 accuracy lies (Wilson), as if images were drawn by chance.
        calibration_error: expected calibration error of answered images, 15 bins; None where the
            scores are no probabilities.
        classes: by true class, the worst first.
        confused: (true class, predicted label, images), the most frequent first.
        note: how truth and results were compared.
        bins: by score of the best class: images, summed scores, right ones.
    """

    images: int
    counted: int
    without_truth: int
    unknown: dict[str, int]
    unknown_counted: bool
    failed: dict[str, int]
    top1: int
    top5: int
    depth: int
    interval: tuple[float, float]
    calibration_error: float | None
    classes: dict[str, ClassTally]
    confused: tuple[tuple[str, str, int], ...]
    note: str
    bins: tuple[tuple[int, float, int], ...] = ()

    def share(self, count: int) -> float:
        """A count as a share of the images with a truth; 0 where there are none."""
        return count / self.counted if self.counted else 0.0

    def as_dict(self) -> dict[str, Any]:
        """The same as JSON data."""
        return {
            "images": self.images,
            "counted": self.counted,
            "without_truth": self.without_truth,
            "unknown_classes": self.unknown,
            "unknown_classes_counted": self.unknown_counted,
            "failed": self.failed,
            "top1": {"right": self.top1, "accuracy": self.share(self.top1)},
            "top5": {
                "right": self.top5,
                "accuracy": self.share(self.top5),
                "classes_recorded": self.depth,
            },
            "top1_interval_95": list(self.interval),
            "calibration_error": self.calibration_error,
            "classes": {
                name: {"images": c.images, "top1": c.top1, "top5": c.top5}
                for name, c in self.classes.items()
            },
            "confused": [
                {"truth": truth, "predicted": predicted, "images": n}
                for truth, predicted, n in self.confused
            ],
            "compared": self.note,
        }


def _worst_first(entry: tuple[str, ClassTally]) -> tuple[float, int, str]:
    name, tally = entry
    return tally.top1 / tally.images, -tally.images, name


def _most(entry: tuple[tuple[str, str], int]) -> tuple[int, tuple[str, str]]:
    return -entry[1], entry[0]
