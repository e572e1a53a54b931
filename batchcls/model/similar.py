"""Finds the rows of a file of features that are most like one: exact, in blocks, in flat memory."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from batchcls.errors import RefusedError

BLOCK = 8 << 20
"""Numbers that are compared at once: 32 MB as float32."""


def rows_of(path: Path) -> NDArray[np.float16]:
    """The rows of a file, mapped: (images, features).

    Raises:
        RefusedError: it cannot be read, or is none.
    """
    try:
        found: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        why = getattr(error, "strerror", None) or "it is no whole .npy file"
        raise RefusedError(f"{path}: {why}") from error
    if found.ndim != 2 or found.dtype != np.float16:
        raise RefusedError(
            f"{path}: expected rows of float16 as `batchcls embed` writes them, found "
            f"{found.dtype} of shape {found.shape}"
        )
    return found


def similar(
    rows: NDArray[np.float16], query: NDArray[Any], top: int, without: int = -1
) -> list[tuple[int, float]]:
    """The rows with the largest cosine to a row, the largest first, and of equal ones the first.

    Rows of failed images (NaN) and of zeros are like nothing.

    Args:
        rows: (images, features).
        query: (features,).
        without: a row that is left out; -1 = none.

    Returns:
        At most `top` of (row, cosine).
    """
    wanted = _unit(query.astype(np.float32)[None])[0]
    at_once = max(1, BLOCK // max(1, rows.shape[1]))
    best: list[tuple[float, int]] = []
    for first in range(0, len(rows), at_once):
        cosines = _unit(rows[first : first + at_once].astype(np.float32)) @ wanted
        cosines[np.isnan(cosines)] = -np.inf
        if first <= without < first + at_once:
            cosines[without - first] = -np.inf
        order = np.argsort(-cosines, kind="stable")[:top].tolist()
        best += [(-float(cosines[n]), first + n) for n in order if np.isfinite(cosines[n])]
        best = sorted(best)[:top]
    return [(row, -cosine) for cosine, row in best]


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows of length 1; NaN where there is no direction."""
    with np.errstate(invalid="ignore", divide="ignore"):
        lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows))
        return np.asarray(rows / lengths[:, None])
