"""Decides which of several ways to feed a model fits best, and which cannot be told apart.

With truths, accuracy ranks. Without, decisiveness: the information in bits that an answer carries
about its image, the entropy of the mean answer less the mean entropy of the answers. Confidence
alone would crown inputs so wrong that every image gets the same class with certainty.

Another choice of images would give other figures. So each way is judged again on images drawn from
these with replacement, the same draws for all (a paired bootstrap; Efron, 1979): a way that is
the worse one in fewer than `SURE` of the draws cannot be told from the best. Nor can one that is
worse by less than `LEAST_BITS`: models of few classes were seen to be that much surer of wrong
channel orders, on however many images.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

DRAWS = 400
SURE = 0.95
LEAST_BITS = 0.05

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Worth:
    """What the answers of one way are worth.

    Attributes:
        bits: information that an answer carries about its image.
        accuracy: share of right answers among those whose truth is known; None where none is.
        drawn_bits: the same for each draw, shape (`DRAWS`,).
        drawn_accuracy: see `drawn_bits`; a draw without a known truth has 0.
    """

    bits: float
    accuracy: float | None
    drawn_bits: Floats
    drawn_accuracy: Floats


class Draws:
    """The draws that all ways are judged on."""

    def __init__(self, images: int) -> None:
        # The same images, the same ranking.
        chance = np.random.default_rng(0)
        self._times = chance.multinomial(images, np.full(images, 1 / images), DRAWS)

    def worth(self, scores: Floats, right: Sequence[bool | None]) -> Worth:
        """What these answers are worth.

        Args:
            scores: (images, classes), not negative; each row is made to add up to 1.
            right: whether each image's best class is the true one; None where that is unknown.
        """
        rows = np.clip(scores, 0.0, None)
        rows = rows / np.maximum(rows.sum(axis=1, keepdims=True), 1e-12)
        known = np.array([one is not None for one in right], np.float64)
        hits = np.array([bool(one) for one in right], np.float64)
        every, times = np.ones((1, len(rows))), self._times.astype(np.float64)
        return Worth(
            bits=float(_bits(rows, every)[0]),
            accuracy=float(_shares(hits, known, every)[0]) if known.any() else None,
            drawn_bits=_bits(rows, times),
            drawn_accuracy=_shares(hits, known, times),
        )


def level(worths: Sequence[Worth]) -> tuple[list[int], list[int]]:
    """Positions of all, best first; and of those that cannot be told from the best, in that order.

    Where truths are known, information decides among those whose accuracy cannot be told apart.
    """
    order = sorted(
        range(len(worths)), key=lambda n: (worths[n].accuracy or 0.0, worths[n].bits), reverse=True
    )
    first = worths[order[0]].drawn_accuracy
    close = [n for n in order if not _worse(worths[n].drawn_accuracy, first)]
    close.sort(key=lambda n: worths[n].bits, reverse=True)
    most = worths[close[0]]
    close = [
        n
        for n in close
        if most.bits - worths[n].bits < LEAST_BITS
        or not _worse(worths[n].drawn_bits, most.drawn_bits)
    ]
    return [*close, *(n for n in order if n not in close)], close


def _worse(one: Floats, best: Floats) -> bool:
    return float((one < best).mean()) >= SURE


def _shares(hits: Floats, known: Floats, times: Floats) -> Floats:
    shares: Floats = (times @ (hits * known)) / np.maximum(times @ known, 1.0)
    return shares


def _bits(rows: Floats, times: Floats) -> Floats:
    """Mutual information of image and class for each draw."""
    share = times / times.sum(axis=1, keepdims=True)
    found: Floats = _entropy(share @ rows) - share @ _entropy(rows)
    return found


def _entropy(rows: Floats) -> Floats:
    logs: Floats = np.where(rows > 0, np.log2(np.where(rows > 0, rows, 1.0)), 0.0)
    entropy: Floats = -(rows * logs).sum(axis=-1)
    return entropy
