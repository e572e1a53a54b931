"""Picks the best classes: highest score first, ties to the lower index, on every machine."""

import numpy as np
from numpy.typing import NDArray

FEW = 32
"""Classes for which Python's own loops are faster than NumPy's calls."""


def top(scores: NDArray[np.float32], count: int) -> list[int]:
    """Indices of the `count` highest scores.

    Args:
        scores: shape (classes,), finite.
        count: how many; more than there are gives all, 0 gives none.

    Returns:
        Indices by falling score; of equal scores the lower index comes first.
    """
    if count < 1:
        return []
    if scores.size <= FEW:
        values = scores.tolist()
        # Stable, in reverse too: equal scores keep their order.
        return sorted(range(len(values)), key=values.__getitem__, reverse=True)[:count]
    if count < scores.size:
        # Everything equal to the last one in is a candidate: partition order among ties is
        # the library's choice, and must not decide.
        threshold = np.partition(scores, scores.size - count)[scores.size - count]
        candidates = np.flatnonzero(scores >= threshold)
    else:
        candidates = np.arange(scores.size)
    order = np.argsort(-scores[candidates], kind="stable")
    found: list[int] = candidates[order[:count]].tolist()
    return found
