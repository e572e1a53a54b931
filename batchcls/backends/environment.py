"""Decides what a worker process finds in its environment."""

import os
from collections.abc import Mapping
from pathlib import Path


def environment(ours: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment of a worker: ours, this very batchcls first on the path, no NumPy threads.

    Args:
        ours: this process's.
    """
    package_parent = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(part for part in (package_parent, ours.get("PYTHONPATH")) if part)
    # NumPy's small matrix products would start threads that fight for the cores.
    return {**ours, "PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1"}
