"""How often a taught model is right, as far as its own examples can tell. Pure.

Each example was judged by a head that had seen neither it nor a near-duplicate of it. Two things
make fewer examples of them than there are: near-duplicates, whose answers are nearly one (Kish's
effective size), and folds that share what they were taught from (Nadeau and Bengio, "Inference for
the generalization error", 2003).
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from batchcls.report.chance import wilson

FEW = 10
"""Examples that differ, of a class, below which it is named."""


@dataclass(frozen=True, slots=True)
class Share:
    """How many were right, and where the true share lies, at 95 %.

    Attributes:
        examples: that were judged.
        distinct: of them, near-duplicates counted once.
        right: of them.
        interval: of the share.
    """

    examples: int
    distinct: int
    right: int
    interval: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a taught model is worth.

    Attributes:
        overall: all examples.
        classes: by label, in the order of the model.
        judged: near-duplicates were kept apart; else there was one scene alone, and every share
            flatters.
    """

    overall: Share
    classes: dict[str, Share]
    judged: bool

    @property
    def few(self) -> list[str]:
        """Classes with too few examples."""
        return [label for label, share in self.classes.items() if share.distinct < FEW]

    def as_dict(self) -> dict[str, Any]:
        """JSON data."""
        return asdict(self)


def estimate(
    right: NDArray[np.bool_],
    classes: NDArray[np.int64],
    groups: NDArray[np.int64],
    labels: tuple[str, ...],
    folds: int,
    *,
    judged: bool = True,
) -> Estimate:
    """Shares of right answers, overall and by class.

    Args:
        right: (examples,) whether each was.
        classes: (examples,) numbers of classes.
        groups: (examples,) of near-duplicates.
        labels: of the classes.
        folds: that the examples were parted in.
        judged: see `Estimate`.
    """
    by_class = {
        label: share(right[classes == n], groups[classes == n], folds)
        for n, label in enumerate(labels)
    }
    return Estimate(share(right, groups, folds), by_class, judged)


def share(right: NDArray[np.bool_], groups: NDArray[np.int64], folds: int) -> Share:
    """A share of right answers and its interval: Wilson's, of the effective number of examples."""
    sizes = np.unique(groups, return_counts=True)[1].astype(np.float64)
    effective = sizes.sum() ** 2 / max(1.0, float((sizes**2).sum()))
    effective /= 1 + folds / (folds - 1)  # (1/J + 1/(J-1)) instead of 1/J, J being the folds
    hits = int(right.sum())
    low, high = wilson(hits / max(1, len(right)) * effective, float(effective))
    return Share(len(right), len(sizes), hits, (low, high))
