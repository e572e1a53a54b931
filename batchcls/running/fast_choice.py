"""Decides from a trial whether `--fast` pays, and from which margin on a first answer counts.

Pure. Each image of the trial has had both looks. On a third of them the margin is chosen, on the
others it is tested, so that what is promised was not fitted to what it is tested on.
"""

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")
CONFIDENCE = 0.95
AGAIN = 0.975
"""The confidence of a second margin, tested on the images that the first one failed on."""
PAYS = 1.15
"""A run that would be less than so many times as fast is done as always."""
FEW = 30
"""From fewer images nothing is chosen."""
CAUTION = 0.2
"""Of the answers that may change, such a share is planned for: few images choose the margin, and
the others must not find that it was chosen too small."""
WIDER = (1.0, 2.0)
"""The margin is so many times what the images ask for; the second where the first one fails on the
images that it is tested on. Of 200 splits of 300 photographs, no job in INT8 fails with both (11 %
of second looks, 99.8 % the same; with 1.25 first 14 %, with 2 first 23 %), and in bf16 10 do."""


class Seen(NamedTuple):
    """An image of the trial.

    Attributes:
        lead: by how much the first look's answer is ahead, in nats.
        kept: by how much the same answer is ahead in f32; negative where it is not the answer.
        top5: both have the same five best classes.
        apart: by how much the score of the best class differs.
    """

    lead: float
    kept: float
    top5: bool
    apart: float

    @property
    def same(self) -> bool:
        """Both have the same answer."""
        return self.kept > 0


@dataclass(frozen=True, slots=True)
class Costs:
    """Seconds of an image.

    Attributes:
        prepare: reading, decoding and preprocessing it.
        first: the first look.
        exact: the look in f32.
        whole: decoding in full for that, where the first look is at a smaller picture.
        without: without `--fast`; None = what it takes to prepare it and to look in f32.
    """

    prepare: float
    first: float
    exact: float
    whole: float = 0.0
    without: float | None = None

    def gain(self, again: float) -> float:
        """How many times as fast it is where that share of the images has a second look."""
        fast = self.prepare + self.first + again * (self.exact + self.whole)
        without = self.prepare + self.exact if self.without is None else self.without
        return without / fast if fast > 0 else 1.0


@dataclass(frozen=True, slots=True)
class Choice:
    """What came of a trial.

    Attributes:
        margin: below which an answer is looked at again.
        again: share of the tested images that are.
        tested: images that the margin was tested on.
        same: of these, those of the same answer.
        at_least: share of the same answers that can be relied on: a lower bound.
        top5: share of the tested images that have the same five best classes.
        apart: largest difference of the score of a best class.
        gain: how many times as fast.
    """

    margin: float
    again: float
    tested: int
    same: int
    at_least: float
    top5: float
    apart: float
    gain: float

    @property
    def pays(self) -> bool:
        """It is worth while."""
        return self.gain >= PAYS

    def keeps(self, percent: float) -> bool:
        """So many of the tested images have the same answer."""
        return 100 * self.same >= percent * self.tested

    @property
    def words(self) -> str:
        """The promise."""
        return (
            f"--fast: {self.gain:.1f} times as fast on these images, same best class on "
            f"{self.same:,} of {self.tested:,} "
            f"(at least {math.floor(1000 * self.at_least) / 10:g}%)"
        )

    def as_dict(self) -> Mapping[str, Any]:
        """As JSON data."""
        return {name: getattr(self, name) for name in self.__slots__}


def thirds(images: Sequence[T]) -> tuple[list[T], list[T]]:
    """Of images in the order of their list: those that choose, and those that are tested on."""
    return [*images[::3]], [one for number, one in enumerate(images) if number % 3]


def choose(
    seen: Sequence[Seen], rest: Sequence[Seen], costs: Costs, percent: float, least: float = 0.0
) -> Choice:
    """Choose a margin and test it; where it does not keep its word, a wider one.

    Args:
        seen: images to choose it on.
        rest: images to test it on.
        percent: of the images that shall have the same answer.
        least: the margin is no smaller.
    """
    asked = margin_for(seen, percent)
    for wider, confidence in zip(WIDER, (CONFIDENCE, AGAIN), strict=True):
        choice = _tested(max(least, _rounded(wider * asked)), rest, costs, confidence)
        if choice.keeps(percent):
            break
    return choice


def _tested(margin: float, rest: Sequence[Seen], costs: Costs, confidence: float) -> Choice:
    first = [one for one in rest if one.lead >= margin]
    again = 1 - len(first) / len(rest)
    differ = sum(not one.same for one in first)
    return Choice(
        margin=margin,
        again=again,
        tested=len(rest),
        same=len(rest) - differ,
        at_least=lower_bound(len(rest) - differ, len(rest), confidence),
        top5=1 - sum(not one.top5 for one in first) / len(rest),
        apart=max((one.apart for one in first), default=0.0),
        gain=costs.gain(again),
    )


def _rounded(margin: float) -> float:
    """Up, to six decimals."""
    return math.ceil(1e6 * margin) / 1e6


def margin_for(seen: Sequence[Seen], percent: float) -> float:
    """The least margin with which so few answers are expected to change.

    A few images hold hardly an answer that changes, and none that nearly did. So each image's lead
    is held against what the first look was off by on each of the others: an answer changes where it
    is off by more than that lead. Images that were seen to change count besides.

    Args:
        percent: of all images that shall have the same answer.

    Returns:
        Nats; at least what the first look was off by, where no image's lead is as small.
    """
    allowed = CAUTION * (1 - percent / 100)
    off = sorted(one.lead - one.kept for one in seen)
    risks = sorted(
        (
            (one.lead, 1 - bisect_right(off, one.lead) / len(off) if one.same else 1.0)
            for one in seen
        ),
        reverse=True,
    )
    margin, risk = risks[0][0] * 2 + 1, 0.0  # every one is looked at again
    for lead, more in risks:
        risk += more / len(risks)
        if risk > allowed:
            break
        margin = lead
    else:  # of a few images none may be close, but others of the run are
        return max(0.0, off[-1])
    return margin


def lower_bound(same: int, of: int, confidence: float = CONFIDENCE) -> float:
    """The least share of which so many are no rarer than by one chance in twenty, or as is said.

    Clopper and Pearson, Biometrika 26 (1934), one-sided.

    >>> round(lower_bound(200, 200), 4)
    0.9851
    """
    if not same:
        return 0.0
    low, high = 0.0, 1.0
    for _ in range(50):
        share = (low + high) / 2
        at_least = sum(
            math.comb(of, k) * share**k * (1 - share) ** (of - k) for k in range(same, of + 1)
        )
        low, high = (share, high) if at_least < 1 - confidence else (low, share)
    return low
