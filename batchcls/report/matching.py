"""Decides whether a predicted class is the true one: by index or by label. Pure."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from batchcls.images import Prediction
from batchcls.report.truth import Truth

AGREEMENT = 0.9
"""Share of votes that a shift of indices must have to be believed."""


@dataclass(frozen=True, slots=True)
class Matching:
    """How truth and predictions are compared.

    Attributes:
        by_index: by index where the truth has one; else, and otherwise, by label.
        offset: result index minus truth index.
        note: the same for people, and the reason.
    """

    by_index: bool = True
    offset: int = 0
    note: str = ""

    def rank(self, truth: Truth, top: Sequence[Prediction]) -> int | None:
        """Where the true class stands among the predictions, from 0; None if it does not."""
        if self.by_index and truth.index is not None:
            wanted = truth.index + self.offset
            return next((n for n, p in enumerate(top) if p.index == wanted), None)
        if truth.label is None:
            return None
        return next((n for n, p in enumerate(top) if same_label(truth.label, p.label)), None)


def find_matching(
    answered: Iterable[tuple[Truth, Sequence[Prediction]]], offset: int | None = None
) -> Matching:
    """How to compare these truths and predictions, learned from a part of them.

    Models trained with TensorFlow often have a "background" class 0, which shifts every other by
    one. Where a truth has index and label, each prediction with that label votes for a shift.

    Args:
        answered: truths and what the model said.
        offset: given by the user; nothing is guessed then.
    """
    if offset is not None:
        return Matching(offset=offset, note=f"compared by index, offset {offset} as given")
    votes: Counter[int] = Counter()
    indexed = False
    for truth, top in answered:
        indexed = indexed or truth.index is not None
        if truth.index is not None and truth.label is not None:
            label = truth.label
            votes.update(p.index - truth.index for p in top if same_label(label, p.label))
    if not indexed:
        return Matching(by_index=False, note="compared by label")
    if not votes:
        return Matching(
            note="compared by index; no label shows whether both number the classes alike"
        )
    shift, count = votes.most_common(1)[0]
    seen = f"{count:,} of {votes.total():,} labels"
    if count < AGREEMENT * votes.total():
        return Matching(
            by_index=False,
            note=f"compared by label: the results number the classes differently ({seen} agree)",
        )
    if shift == 0:
        return Matching(note=f"compared by index ({seen} confirm it)")
    why = " for a background class" if shift == 1 else ""
    return Matching(
        offset=shift, note=f"compared by index, with offset {shift}{why} ({seen} confirm it)"
    )


def class_indices(truths: Sequence[Truth | None], labels: Sequence[str]) -> list[int | None]:
    """Truths as the model's class indices; None where it is not sure which one is meant.

    Where a truth has index and label, labels tell whether the model counts otherwise, as those
    with a background class do.
    """
    named: dict[str, list[int]] = {}
    for one in truths:
        if one is not None and one.label is not None and one.label not in named:
            label = one.label
            named[label] = [i for i, other in enumerate(labels) if same_label(label, other)]
    votes = Counter(
        index - one.index
        for one in truths
        if one is not None and one.index is not None and one.label is not None
        for index in named[one.label]
    )
    shift = votes.most_common(1)[0][0] if votes else 0
    return [_index(one, named, shift, len(labels)) for one in truths]


def _index(
    one: Truth | None, named: Mapping[str, list[int]], shift: int, classes: int
) -> int | None:
    if one is None:
        return None
    meant = named.get(one.label, []) if one.label is not None else []
    counted = None if one.index is None else one.index + shift
    if len(meant) == 1:
        return meant[0]
    if meant:  # labels that come twice, such as ImageNet's "crane"
        return counted if counted in meant else None
    return counted if counted is not None and 0 <= counted < classes else None


def same_label(one: str, other: str) -> bool:
    """Whether two labels mean the same class.

    ImageNet's are lists of synonyms, "tench, Tinca tinca"; a single name means the list it is in.
    Case, underscores and spacing do not matter.
    """
    first, second = _names(one), _names(other)
    if first == second:
        return True
    return (len(first) == 1 and first[0] in second) or (len(second) == 1 and second[0] in first)


@lru_cache(maxsize=1 << 14)
def _names(label: str) -> tuple[str, ...]:
    names = re.sub(r"[\s_]+", " ", label.casefold()).split(",")
    return tuple(name.strip() for name in names)
