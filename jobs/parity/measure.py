"""Compares tensors in 8-bit steps and adds the figures up. No I/O."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from jobs.parity.cases import Tensor

SHARE = 0.999
SLACK = 0.01
"""Steps: a difference of exactly one step is not always exact in float32."""


@dataclass(frozen=True)
class Difference:
    """One picture's tensor against the reference's."""

    picture: str
    values: int
    within: int
    equal: int
    largest: float

    @property
    def share(self) -> float:
        """Of values within one step."""
        return self.within / self.values


@dataclass
class Sum:
    """All pictures of one kind under one case."""

    differences: list[Difference] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    @property
    def share(self) -> float:
        """Of all values within one step."""
        values = sum(d.values for d in self.differences)
        return (
            sum(d.within for d in self.differences) / values if values else float(not self.refused)
        )

    @property
    def equal(self) -> float:
        """Share of all values that are the same to a hundredth of a step."""
        values = sum(d.values for d in self.differences)
        return (
            sum(d.equal for d in self.differences) / values if values else float(not self.refused)
        )

    @property
    def largest(self) -> float:
        """Difference of any value, in steps."""
        return max((d.largest for d in self.differences), default=0.0)

    @property
    def below(self) -> list[Difference]:
        """Pictures that miss the share by themselves, worst first."""
        found = [d for d in self.differences if d.share < SHARE]
        return sorted(found, key=lambda d: d.share)

    @property
    def reached(self) -> bool:
        """The limit holds over all pictures."""
        return self.share >= SHARE and not self.refused


def difference(
    picture: str, ours: Tensor, reference: Tensor, step: NDArray[np.float64]
) -> Difference:
    """Compare (height, width, 3) tensors; `step` is one 8-bit step per channel."""
    if ours.shape != reference.shape:
        return Difference(picture, ours.size, 0, 0, float("inf"))
    steps = np.abs(ours.astype(np.float64) - reference) / step
    within = int((steps <= 1 + SLACK).sum())
    equal = int((steps <= SLACK).sum())
    return Difference(picture, steps.size, within, equal, float(steps.max()))


def total(sums: Iterable[Sum]) -> Sum:
    """Several sums as one."""
    found = Sum()
    for each in sums:
        found.differences += each.differences
        found.refused += each.refused
        found.skipped += each.skipped
    return found
