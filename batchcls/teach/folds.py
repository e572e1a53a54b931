"""Parts examples so that none is judged by a near-duplicate of itself. Pure.

A burst is one scene: where some of its pictures teach and others judge, the estimate flatters.
"""

import numpy as np
from numpy.typing import NDArray

NEAR = 0.9
"""Cosine of two pictures' features, less the mean of all, from which they are near-duplicates."""
FOLDS = 5
_BLOCK = 1024


def near_duplicates(features: NDArray[np.float32]) -> NDArray[np.int64]:
    """A number for each example; near-duplicates have the same, and what they connect.

    Args:
        features: (examples, features).
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    centred = features - features.mean(0, dtype=np.float64).astype(np.float32)
    centred /= np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-12)
    count = len(features)
    rows, columns = [], []
    for start in range(0, count, _BLOCK):
        row, column = np.nonzero(centred[start : start + _BLOCK] @ centred.T >= NEAR)
        rows.append(row + start)
        columns.append(column)
    pairs = (np.concatenate(rows), np.concatenate(columns))
    near = coo_matrix((np.ones(len(pairs[0]), bool), pairs), (count, count))
    return connected_components(near, directed=False)[1].astype(np.int64)  # type: ignore[no-any-return]  # without types


def folds(classes: NDArray[np.int64], groups: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """The fold of each example: whole groups, each class spread as evenly as they allow.

    Large groups are dealt first, each to the fold that has the fewest of its most frequent class.

    Args:
        classes: (examples,) numbers of classes.
        groups: (examples,) numbers of groups.
        count: of folds.
    """
    total = int(classes.max()) + 1
    held = np.zeros((count, total), np.int64)
    found = np.zeros(len(classes), np.int64)
    sizes = np.bincount(groups)
    members = np.split(np.argsort(groups, kind="stable"), np.cumsum(sizes)[:-1])
    for group in np.argsort(-sizes, kind="stable"):
        own = np.bincount(classes[members[group]], minlength=total)
        fold = min(range(count), key=lambda n: (held[n, own.argmax()], held[n].sum(), n))
        held[fold] += own
        found[members[group]] = fold
    return found
