"""Compares two results of the same images: who gives which image another best class. Pure."""

import heapq
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

from batchcls.display.table import aligned
from batchcls.display.text import counted
from batchcls.errors import RefusedError
from batchcls.images import Prediction
from batchcls.report.chance import wilson
from batchcls.report.rows import Row, shown
from batchcls.report.text import FEW_CLASSES, LONGEST, SHOWN

KEPT = 1000
"""Images of another best class that are named: those that were surest."""
DEEP = 5
NOTHING = "(no class)"


@dataclass(slots=True)
class Against:
    """Everything counted so far; memory grows with classes, not with images.

    Attributes:
        images: of both.
        same: of these, those that both give the same best class.
        same_sets: those that both give the same first five classes, in whatever order.
        depths: how many classes images have here, and there; 5 is 5 or more.
        failed: failed here, there, in both.
        apart: largest difference of the scores of a best class that is the same.
        classes: by best class there: images, and those of the same best class here.
        flips: the surest: (margin there or -1, minus image, best class there, best class here).
    """

    images: int = 0
    same: int = 0
    same_sets: int = 0
    depths: tuple[set[int], set[int]] = field(default_factory=lambda: (set(), set()))
    failed: Counter[str] = field(default_factory=Counter)
    apart: float = 0.0
    classes: dict[str, list[int]] = field(default_factory=dict)
    flips: list[tuple[float, int, str, str, str]] = field(default_factory=list)

    def add(self, mine: Row, other: Row) -> None:
        """Count an image.

        Args:
            mine: of the results that are judged.
            other: of those that they are compared with.
        """
        self.images += 1
        if mine.failure or other.failure:
            where = "both" if mine.failure and other.failure else "there"
            self.failed[where if other.failure else "here"] += 1
            return
        here, there = (_best(row.top) for row in (mine, other))
        tally = self.classes.setdefault(there, [0, 0])
        tally[0] += 1
        self.same_sets += _first(mine.top) == _first(other.top)
        for depths, row in zip(self.depths, (mine, other), strict=True):
            depths.add(min(len(row.top), DEEP))
        if _key(mine.top) == _key(other.top):
            self.same += 1
            tally[1] += 1
            if mine.top:
                self.apart = max(self.apart, abs(mine.top[0].score - other.top[0].score))
            return
        margin = -1.0 if other.margin is None else other.margin
        flip = (margin, -other.record.index, shown(other.record.path), there, here)
        (heapq.heappush if len(self.flips) < KEPT else heapq.heappushpop)(self.flips, flip)

    @property
    def answered(self) -> int:
        """Images that both have an answer for."""
        return self.images - self.failed.total()

    def share(self, count: int) -> float:
        """A count as a share of these; 1 where there are none."""
        return count / self.answered if self.answered else 1.0

    def as_dict(self) -> dict[str, Any]:
        """The same as JSON data."""
        return {
            "images": self.images,
            "answered_by_both": self.answered,
            "same_best_class": self.same,
            "agreement": self.share(self.same),
            "agreement_interval_95": list(wilson(self.same, self.answered)),
            "same_top5_sets": self.same_sets,
            "largest_score_difference": self.apart,
            "failed": {where: self.failed[where] for where in ("here", "there", "both")},
            "classes": {
                name: {"images": images, "same": same}
                for name, (images, same) in sorted(self.classes.items(), key=_worst_first)
            },
            "flips": [
                {
                    "i": -negative,
                    "path": path,
                    "margin": None if margin < 0 else round(margin, 6),
                    "there": there,
                    "here": here,
                }
                for margin, negative, path, there, here in sorted(self.flips, reverse=True)
            ],
        }


def compare(mine: Iterable[Row], others: Iterable[Row], *, complete: bool = True) -> Against:
    """Compare two results, image by image.

    Args:
        complete: both are; else they are compared as far as both go.

    Raises:
        RefusedError: they are not of the same list.
    """
    found = Against()
    for one, other in zip_longest(mine, others):
        if one is None or other is None:
            if not complete:
                break
            longer = one or other
            raise RefusedError(
                f"the results are of different lists: only one of them has image "
                f"{longer.record.index:,}, {shown(longer.record.path)}"
            )
        here, there = ((row.record.index, row.record.path) for row in (one, other))
        if here != there:
            raise RefusedError(
                f"the results are of different lists: image {here[0]:,} is {shown(here[1])}, and "
                f"there image {there[0]:,} is {shown(there[1])}"
            )
        found.add(one, other)
    return found


def lines(found: Against, *, complete: bool) -> str:
    """A comparison for people."""
    low, high = wilson(found.same, found.answered)
    parts = [f"{counted(found.images, 'image', 'images')} in both."]
    if not complete:
        parts[0] += "\nNot both runs are complete; they are compared as far as both go."
    if total := found.failed.total():
        here, there, both = (found.failed[where] for where in ("here", "there", "both"))
        failed = counted(total, "image", "images")
        parts[0] += (
            f"\n{failed} failed ({here:,} here alone, {there:,} there alone, {both:,} in both) and "
            "did not count."
        )
    of_all = f"of {found.answered:,}"
    parts.append(
        aligned(
            [
                (
                    "same best class",
                    f"{100 * found.share(found.same):.2f}%",
                    f"{found.same:,} {of_all}; 95% interval {100 * low:.2f} to {100 * high:.2f}%",
                ),
                _same_sets(found),
                ("largest difference", f"{found.apart:.6f}", "of the scores of a same best class"),
            ],
            right=(1,),
        )
    )
    if found.flips:
        parts += [_flips(found), _classes(found)]
    return "\n\n".join(parts)


def _same_sets(found: Against) -> tuple[str, str, str]:
    what, (here, there) = f"same top-{DEEP} classes", found.depths
    # Where `--top` was not the same, and below five, no image has the same classes in both.
    if len(here) == len(there) == 1 and here != there:
        (mine,), (others,) = here, there
        few = f"{min(mine, others)} an image {'here' if mine < others else 'there'}"
        return what, "-", f"not comparable: only {few}"
    return (
        what,
        f"{100 * found.share(found.same_sets):.2f}%",
        f"{found.same_sets:,} of {found.answered:,}, in any order",
    )


def _flips(found: Against) -> str:
    rows = [("the surest that differ", "there", "here", "margin there")]
    for margin, _, path, there, here in sorted(found.flips, reverse=True)[:SHOWN]:
        rows.append((path, there, here, "-" if margin < 0 else f"{margin:.4f}"))
    text = aligned(rows, right=(3,), most=LONGEST)
    more = found.answered - found.same - (len(rows) - 1)
    return text + (f"\n… and {counted(more, 'image', 'images')} more" if more else "")


def _classes(found: Against) -> str:
    entries = sorted(found.classes.items(), key=_worst_first)
    less = [(name, counts) for name, counts in entries if counts[0] > counts[1]]
    rows = [("class there", "images", "same here")]
    rows += [
        (name, f"{images:,}", f"{100 * same / images:.1f}%")
        for name, (images, same) in less[:FEW_CLASSES]
    ]
    return aligned(rows, right=(1, 2), most=LONGEST)


def _key(top: tuple[Prediction, ...]) -> tuple[int, str] | None:
    return (top[0].index, top[0].label) if top else None


def _first(top: tuple[Prediction, ...]) -> set[int]:
    return {prediction.index for prediction in top[:DEEP]}


def _best(top: tuple[Prediction, ...]) -> str:
    return top[0].label if top else NOTHING


def _worst_first(entry: tuple[str, list[int]]) -> tuple[float, int, str]:
    name, (images, same) = entry
    return same / images, -images, name
