"""Decides whether a predicted class is the true one, and whether that can be known at all. Pure."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace

from batchcls.images import Prediction
from batchcls.report.chance import no_better_than_chance
from batchcls.report.classes import Classes, imagenet
from batchcls.report.truth import ANOTHER, Truth

AGREEMENT = 0.9
"""Share of votes that a shift of indices must have to be believed."""

SHOWN = 3


@dataclass(frozen=True, slots=True)
class Matching:
    """How truth and predictions are compared.

    Attributes:
        by_index: a truth's index counts, or a label that is one: a number or a WordNet id of
            ImageNet. Else only labels that are the model's do.
        offset: result index minus truth index.
        note: the same for people, and the reason.
        doubt: why they cannot be compared, and what would help; empty where they can.
    """

    classes: Classes
    by_index: bool = True
    offset: int = 0
    note: str = ""
    doubt: str = ""
    _meant: dict[Truth, frozenset[int]] = field(default_factory=dict, compare=False)

    def rank(self, truth: Truth, top: Sequence[Prediction]) -> int | None:
        """Where the true class stands among the predictions, from 0; None if it does not."""
        meant = self.meant(truth)
        return next((n for n, p in enumerate(top) if p.index in meant), None)

    def meant(self, truth: Truth) -> frozenset[int]:
        """The indices of the classes that a truth means.

        Several where classes share a name; none where the model, as far as it is known, has no
        such class.
        """
        if truth not in self._meant:
            self._meant[truth] = self._find(truth)
        return self._meant[truth]

    def _find(self, truth: Truth) -> frozenset[int]:
        label = truth.label if not self.by_index or truth.index is None else None
        if label is not None and (named := self.classes.named(label)):
            return named
        found = counted(truth, self.classes) if self.by_index else frozenset()
        shifted = (index + self.offset for index in found)
        return frozenset(index for index in shifted if self.classes.holds(index))


def counted(truth: Truth, classes: Classes) -> frozenset[int]:
    """The index that a truth has, or that its label is: a number, or ImageNet's id or name.

    Two for a name that two of ImageNet's classes have, "crane".
    """
    if truth.index is not None:
        return frozenset((truth.index,))
    if truth.label is None:
        return frozenset()
    if truth.label.isdecimal():
        return frozenset((int(truth.label),))
    return imagenet().named(truth.label) if classes.may_be_imagenets else frozenset()


def find_matching(
    answered: Iterable[tuple[Truth, Sequence[Prediction]]],
    classes: Classes,
    offset: int | None = None,
) -> Matching:
    """How to compare truths and predictions, learned from a part of them.

    Models trained with TensorFlow often have a "background" class 0, which shifts every other by
    one. Where a truth has index and label, the label votes for a shift. Where no label tells, and
    there may be such a class, that shift is taken with which more answers are right.

    Args:
        answered: truths and what the model said; nothing where that is not known.
        offset: given by the user; nothing is guessed then.
    """
    pairs = [(truth, top[0].index if top else None) for truth, top in answered if truth != ANOTHER]
    truths = {truth for truth, _ in pairs}
    if offset is not None:
        note = f"compared by index, offset {offset} as given"
        return _checked(Matching(classes, offset=offset, note=note), truths)
    if (voted := _by_votes(truths, classes)) is not None:
        return voted
    named = any(t.index is None and t.label and classes.named(t.label) for t in truths)
    numbers = [(n, best) for t, best in pairs for n in counted(t, classes)]
    if named or not numbers:
        return _checked(Matching(classes, by_index=False, note="compared by label"), truths)
    names = any(t.index is None and t.label and not t.label.isdecimal() for t in truths)
    return _checked(_by_number(numbers, classes, names=names), truths)


def _by_number(
    numbers: Sequence[tuple[int, int | None]], classes: Classes, *, names: bool
) -> Matching:
    """By the truths' indices alone, shifted as more of the answers are right.

    Args:
        numbers: true indices, and the model's answers.
        names: the indices are of ImageNet's ids and names.
    """
    likely = [0]
    if classes.may_have_background:
        likely.append(1)
    indices = [index for index, _ in numbers]
    if classes.complete and max(indices) == classes.least and min(indices) > 0:
        likely.append(-1)
    right = {s: sum(best == index + s for index, best in numbers) for s in likely}
    held = {s: sum(classes.holds(index + s) for index in indices) for s in likely}
    # All equal where there are no answers: then what there is a reason for.
    shift = max(likely, key=lambda s: (right[s], held[s], s != 0))
    note = "compared by ImageNet's index" if names else "compared by index"
    if shift == 1:
        note += ", with offset 1 for a background class"
    elif shift == -1:
        note += ", with offset -1, since the truth counts from 1"
    elif not names:
        note += "; no label shows whether both number the classes alike"
    answers, doubt = sum(best is not None for _, best in numbers), ""
    if no_better_than_chance(right[shift], answers, classes.least):
        doubt = (
            f"only {right[shift]:,} of {answers:,} answers are right if both number the classes "
            f"alike, no more than by chance among {classes.least:,}; add labels to the truth "
            "(`--truth FILE` with columns file,index,label), or name `--offset N` (0 compares "
            "as it is)"
        )
    return Matching(classes, offset=shift, note=note, doubt=doubt)


def _by_votes(truths: Collection[Truth], classes: Classes) -> Matching | None:
    """What the labels of truths that also have an index say; None where none does."""
    shifts = [
        {index - truth.index for index in classes.named(truth.label)}
        for truth in truths
        if truth.index is not None and truth.label is not None and classes.named(truth.label)
    ]
    votes = Counter(shift for one in shifts for shift in one)
    if not votes:
        return None
    # Of equal votes, the smallest shift.
    shift, count = max(votes.items(), key=lambda vote: (vote[1], -abs(vote[0])))
    seen = f"{count:,} of {len(shifts):,} labels"
    if count < AGREEMENT * len(shifts):
        note = f"compared by label: the results number the classes differently ({seen} agree)"
        return Matching(classes, by_index=False, note=note)
    if shift == 0:
        return Matching(classes, note=f"compared by index ({seen} confirm it)")
    why = " for a background class" if shift == 1 else ""
    return Matching(
        classes,
        offset=shift,
        note=f"compared by index, with offset {shift}{why} ({seen} confirm it)",
    )


def _checked(found: Matching, truths: Collection[Truth]) -> Matching:
    """The same, doubted where the model has none of these classes."""
    classes = found.classes
    if not classes.labels or not truths or any(found.meant(truth) for truth in truths):
        return found
    theirs = _some(sorted({str(truth) for truth in truths}))
    if not classes.have_names:
        doubt = (
            f"the model has no class names, and the truth ({theirs}) has no indices of its "
            "classes; run it again with `--labels FILE`, or use `--truth FILE` with columns "
            "file,index"
        )
    else:
        where = "is a class of the model" if classes.complete else "occurs in the results"
        ours = _some([label.split(",")[0] for _, label in sorted(classes.labels.items())])
        doubt = (
            f"none of the true classes ({theirs}) {where} ({ours}); use `--truth FILE` with "
            "columns file,label or file,index"
        )
    return replace(found, doubt=doubt)


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN]) + (", …" if len(names) > SHOWN else "")
