"""Compares one image's answer with the reference's: which class, and how clearly."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from batchcls.job.job import Job

Scores = NDArray[np.float32]


def reference(job: Job) -> Job:
    """The same job on the plain CPU: in f32, exactly, one image at a time."""
    return replace(
        job, device=("CPU",), infer_precision="", int8="exact", batch_size=1, load_config=None,
        hint="", nstreams="", perf_counts=False,
    )  # fmt: skip


def best(scores: Scores) -> int:
    """The best class of probabilities, (classes,); -1 where one is no number, or two are best."""
    if np.isnan(scores).any() or not lead(scores):
        return -1
    return int(scores[0] >= 0.5) if len(scores) == 1 else int(scores.argmax())


def lead(scores: Scores) -> float:
    """By how much the best of probabilities, (classes,), leads the second."""
    if len(scores) == 1:
        return 2 * abs(float(scores[0]) - 0.5)
    second, first = np.partition(scores, -2)[-2:]
    return float(first - second)
