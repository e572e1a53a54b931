"""What a share of right answers is worth: its interval, and whether chance gives as many. Pure."""

import math

Z95 = 1.959964
"""Standard normal quantile of a two-sided interval of 95 %."""

FEW_ANSWERS = 20
"""Fewer say nothing."""

FEW_CLASSES = 10
"""Where there are fewer, chance is right so often that a poor model cannot be told from it."""


def wilson(right: float, total: float) -> tuple[float, float]:
    """Wilson's 95 % interval of a share.

    >>> [round(bound, 3) for bound in wilson(90, 100)]
    [0.826, 0.945]
    """
    if not total:
        return 0.0, 1.0
    share, square = right / total, Z95 * Z95
    centre = share + square / (2 * total)
    spread = Z95 * math.sqrt(share * (1 - share) / total + square / (4 * total * total))
    scale = 1 + square / total
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)


def no_better_than_chance(right: int, total: int, classes: int) -> bool:
    """Whether so many right answers can be had by drawing one of so many classes."""
    if total < FEW_ANSWERS or classes < FEW_CLASSES:
        return False
    return wilson(right, total)[0] <= 1 / classes
