"""How sure a model is of an image, from all classes: what active learning sorts by."""

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray


def uncertainty(probabilities: NDArray[np.float32], facts: Collection[str]) -> dict[str, float]:
    """The measures asked for.

    Args:
        probabilities: (classes,), of one image; of a multi-label model one per class.
        facts: of "margin" and "entropy".

    Returns:
        margin: the best probability less the second, 0 to 1; small is unsure.
        entropy: in nats, 0 to ln(classes); large is unsure. Where the values do not sum to one
            (multi-label), the mean of each class's own binary entropy.
    """
    found: dict[str, float] = {}
    values = probabilities.astype(np.float64)
    if "margin" in facts:
        best = np.partition(values, -2)[-2:] if values.size > 1 else np.array([0.0, values[0]])
        found["margin"] = float(best[1] - best[0])
    if "entropy" in facts:
        if abs(values.sum() - 1.0) < 0.02:
            found["entropy"] = float(_plogp(values).sum())
        else:
            found["entropy"] = float((_plogp(values) + _plogp(1.0 - values)).mean())
    return found


def _plogp(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """-p ln p, 0 at 0."""
    clipped = np.clip(values, 1e-300, 1.0)
    result: NDArray[np.float64] = -clipped * np.log(clipped)
    return result
