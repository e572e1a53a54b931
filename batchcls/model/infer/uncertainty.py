"""How sure a model is of an image, from all classes: what active learning sorts by.

And how far ahead of any other its answer is: whether a reduced picture was good enough.
"""

import math
from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray


def uncertainty(
    probabilities: NDArray[np.float32], facts: Collection[str], *, independent: bool = False
) -> dict[str, float]:
    """The measures asked for.

    Args:
        probabilities: (classes,), of one image.
        independent: each class has its own yes and no (sigmoid), by the model and not by the
            values: those of a quantised softmax may add up to 0.8.

    Returns:
        margin: the best probability less the second, 0 to 1; small is unsure.
        entropy: in nats, 0 to ln(classes), of the probabilities as shares of their sum; large is
            unsure. Of independent classes the mean of each one's binary entropy, 0 to ln(2).
    """
    found: dict[str, float] = {}
    values = probabilities.astype(np.float64)
    if "margin" in facts:
        best = np.partition(values, -2)[-2:] if values.size > 1 else np.array([0.0, values[0]])
        found["margin"] = float(best[1] - best[0])
    if "entropy" in facts:
        if independent:
            found["entropy"] = float((_plogp(values) + _plogp(1.0 - values)).mean())
        else:
            shares = np.clip(values, 0.0, None)
            total = shares.sum()
            known = shares / total if total > 0 else np.full(values.size, 1.0 / values.size)
            found["entropy"] = float(_plogp(known).sum())
    return found


def lead(
    low: NDArray[np.float64], high: NDArray[np.float64], threshold: float | None = None
) -> float:
    """By how much the answer is ahead of another one, in nats; infinite where there is only one.

    Args:
        low: (classes,), logits of one image, or logarithms of probabilities; as low as they may be.
        high: the same, as high as they may be.
        threshold: a logit: the answer is all classes above it, and not only the best.
    """
    if threshold is not None:
        return float(np.maximum(low - threshold, threshold - high).min())
    if low.size < 2:
        return math.inf
    return float(low.max() - np.partition(high, -2)[-2])


def kept(
    here: NDArray[np.float64], there: NDArray[np.float64], threshold: float | None = None
) -> float:
    """By how much the answer to some logits of an image is ahead in others of it, in nats.

    Args:
        here: (classes,); their answer counts.
        there: (classes,); its lead is in these, and negative where they have another answer.
        threshold: as for `lead`.
    """
    if threshold is not None:
        return float(np.where(here >= threshold, there - threshold, threshold - there).min())
    if here.size < 2:
        return math.inf
    best = int(here.argmax())
    return float(there[best] - np.delete(there, best).max())


def _plogp(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """-p ln p, 0 at 0."""
    clipped = np.clip(values, 1e-300, 1.0)
    result: NDArray[np.float64] = -clipped * np.log(clipped)
    return result
