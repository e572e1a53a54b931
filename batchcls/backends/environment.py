"""Decides what a worker process finds in its environment.

Set before it starts: glibc, NumPy and OpenVINO read theirs as soon as they are loaded.
"""

import os
from collections.abc import Mapping
from pathlib import Path

KEPT = 128 << 20
"""Bytes of freed memory that a worker keeps for the next picture: 42 megapixels."""

DEFAULTS = {
    # Left alone, glibc gives every picture above 32 MB back to the kernel, which hands out and
    # clears all its pages again for the next: measured, 40 % of decoding 12 megapixels.
    "MALLOC_MMAP_THRESHOLD_": str(KEPT),
    "MALLOC_TRIM_THRESHOLD_": str(KEPT),
}
"""Where the user's own environment says nothing."""


def environment(ours: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment of a worker.

    Args:
        ours: this process's.
    """
    package_parent = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(part for part in (package_parent, ours.get("PYTHONPATH")) if part)
    return {
        **DEFAULTS,
        **ours,
        "PYTHONPATH": path,
        # NumPy's small matrix products would start threads that fight for the cores.
        "OPENBLAS_NUM_THREADS": "1",
    }
