"""Decides what a worker process finds in its environment."""

import os
from collections.abc import Mapping


def environment(ours: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment of a worker: ours, but no NumPy threads.

    Args:
        ours: this process's.
    """
    # NumPy's small matrix products would start threads that fight for the cores.
    return {**ours, "OPENBLAS_NUM_THREADS": "1"}
