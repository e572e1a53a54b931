"""Two models on the same held-out images: do they agree, which is right, which is faster?"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from batchcls.errors import ImageError, ModelError
from batchcls.images import Prediction
from batchcls.model.infer.classifier import Classifier
from batchcls.quantize.images import PreparedImage
from batchcls.report.classes import Classes
from batchcls.report.matching import Matching, find_matching
from batchcls.report.truth import Truth, Truths

GOOD = 0.99
"""Top-1 agreement below which a quantised model is not called good without asking."""

ROUNDS, ROUND_S = 3, 1.0
WAIT_S = 30.0

Answers = Sequence[tuple[Prediction, ...]]


@dataclass(frozen=True, slots=True)
class Comparison:
    """An original and its quantised counterpart.

    Attributes:
        calibrated_on: images.
        held_out: images that they were compared on.
        unusable: images left out, since they cannot be decoded.
        agreement: share of the held-out images with the same top-1.
        known: held-out images of which the truth is known.
        accuracy: (original, quantised) top-1 share of those; None where there are none.
        note: how truth and predictions were compared.
        fps: (original, quantised) images per second, inference alone.
        mbytes: (original, quantised) size of the model.
    """

    calibrated_on: int
    held_out: int
    unusable: int
    agreement: float
    known: int
    accuracy: tuple[float, float] | None
    note: str
    fps: tuple[float, float]
    mbytes: tuple[float, float]

    @property
    def agrees(self) -> bool:
        """It gives the original's answers often enough."""
        return self.agreement >= GOOD

    @property
    def is_faster(self) -> bool:
        """There is something to gain."""
        original, quantised = self.fps
        return quantised > original

    @property
    def good(self) -> bool:
        """It can be used without a second thought."""
        return self.agrees and self.is_faster

    @property
    def doubts(self) -> tuple[str, ...]:
        """Why a person should decide whether to keep it; empty where it is good."""
        original, quantised = self.fps
        agreement = f"agrees with the original on only {self.agreement:.1%} of the images"
        speed = f"is not faster ({quantised / original:.2f} times the original's speed)"
        return tuple([agreement] * (not self.agrees) + [speed] * (not self.is_faster))

    def as_dict(self) -> dict[str, Any]:
        """JSON data."""
        return {**asdict(self), "good": self.good}


def answers(
    classifier: Classifier, pictures: Sequence[PreparedImage]
) -> list[tuple[Prediction, ...]]:
    """The best classes of each picture; none where the model answered NaN.

    Raises:
        ModelError: the device refuses.
    """
    found = []
    for scores in _scores(classifier, pictures):
        try:
            found.append(classifier.outcome(scores))
        except ImageError:
            found.append(())
    return found


def _scores(classifier: Classifier, pictures: Sequence[PreparedImage]) -> Iterator[Any]:
    ring = classifier.rings[0]
    for picture in pictures:
        if not ring.has_free:
            yield _next(ring)
        ring.start((picture.path,), (picture.tensor,))
    while ring.in_flight:
        yield _next(ring)


def _next(ring: Any) -> Any:
    finished = ring.wait(WAIT_S)
    if finished is None or finished.error is not None:
        why = f"no answer in {WAIT_S:g} s" if finished is None else finished.error
        raise ModelError(f"device {ring.device} cannot run the model: {why}")
    return finished.scores[0]


def agreement(one: Answers, other: Answers) -> float:
    """Share of images with the same best class."""
    same = sum(_best(a) == _best(b) for a, b in zip(one, other, strict=True))
    return same / len(one)


def _best(answer: tuple[Prediction, ...]) -> int | None:
    return answer[0].index if answer else None


def accuracy(
    truths: Sequence[Truth | None], matching: Matching, *models: Answers
) -> tuple[list[float], int]:
    """Top-1 share of each model where the truth is known, and of how many."""
    known = [(n, truth) for n, truth in enumerate(truths) if truth is not None]
    shares = [
        sum(matching.rank(truth, a[n][:1]) == 0 for n, truth in known) / max(1, len(known))
        for a in models
    ]
    return shares, len(known)


def known_truths(
    truths: Truths,
    pictures: Sequence[PreparedImage],
    found: Answers,
    labels: Sequence[str],
) -> tuple[list[Truth | None], Matching]:
    """The truth about each picture, and how to compare it with what a model answers.

    A truth that is no class of the model, such as a folder of any name, counts as unknown. So do
    all that cannot be compared with the answers.

    Args:
        truths: a truth file's, or the folders'.
        found: the model's answers to these.
    """
    all_truths = [truths.of(picture.path) for picture in pictures]
    known = ((t, a) for t, a in zip(all_truths, found, strict=True) if t is not None)
    matching = find_matching(known, Classes.of(labels))
    if matching.doubt:
        return [None] * len(pictures), matching
    return [t if t is not None and matching.meant(t) else None for t in all_truths], matching


def speeds(
    one: Classifier, other: Classifier, pictures: Sequence[PreparedImage]
) -> tuple[float, float]:
    """Images per second of both, inference alone: medians of interleaved rounds."""
    found: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS):
        for classifier, rates in zip((one, other), found, strict=True):
            rates.append(_rate(classifier, pictures))
    first, second = (sorted(rates)[ROUNDS // 2] for rates in found)
    return first, second


def _rate(classifier: Classifier, pictures: Sequence[PreparedImage]) -> float:
    done = 0
    started = time.perf_counter()
    while (elapsed := time.perf_counter() - started) < ROUND_S:
        done += sum(1 for _ in _scores(classifier, pictures[: 8 * classifier.rings[0].nireq]))
    return done / elapsed
