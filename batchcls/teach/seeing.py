"""Looks at examples as a run does: read, decode, prepare, infer up to the last layer."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from batchcls.decode.decode import decode_picture
from batchcls.decode.policy import DecodePolicy
from batchcls.display.text import counted, safe
from batchcls.errors import ImageError, ModelError
from batchcls.model.infer.classifier import Classifier
from batchcls.model.infer.ring import Ring
from batchcls.sources.ahead import Ahead
from batchcls.teach.examples import Example

WAIT_S = 60.0
SHOWN = 5
"""Of images that are left out; there may be thousands."""
EVERY = 500
"""Images between two words of how far it is."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Examples that can be used, in an order that only they decide.

    Attributes:
        features: (examples, features) float16.
        labels: of each.
        hashes: SHA-256 of each one's bytes.
        tried: prepared pictures of a few, by their place, to try the taught model on.
    """

    features: NDArray[np.float16]
    labels: tuple[str, ...]
    hashes: tuple[str, ...]
    tried: Mapping[int, Any]


def look(classifier: Classifier, examples: Sequence[Example], tell: Callable[[str], None]) -> Seen:
    """The features of all examples; each picture counts once.

    What a person said of a picture in a review counts; else a picture of two classes has none.

    Args:
        classifier: of the model up to its last layer.
        examples: with their classes.
        tell: is told what is left out, and how far it is.

    Raises:
        ModelError: the device refuses, or features are no numbers of 16 bits.
    """
    pile = _Pile()
    rows: dict[str, NDArray[np.float16]] = {}
    for digest, scores in _inferred(classifier.rings[0], pile.prepared(classifier, examples)):
        with np.errstate(over="ignore"):
            rows[digest] = scores.astype(np.float16)
        if not np.isfinite(rows[digest]).all():
            raise ModelError(
                f"{safe(pile.kept[digest].image.path)}: the model's features are no finite numbers "
                "of 16 bits; choose another model"
            )
        if len(rows) % EVERY == 0:
            tell(f"{len(rows):,} of {counted(len(examples), 'image', 'images')}")
    pile.leave_out_torn()
    for failure in pile.failures[:SHOWN]:
        tell(f"left out: {failure}")
    if (more := len(pile.failures) - SHOWN) > 0:
        tell(f"left out: {counted(more, 'more image', 'more images')}")
    kept = pile.kept
    order = sorted(kept, key=lambda digest: (kept[digest].label, digest))
    return Seen(
        np.array([rows[digest] for digest in order], np.float16),
        tuple(kept[digest].label for digest in order),
        tuple(order),
        {order.index(digest): tensor for digest, tensor in pile.first.items() if digest in kept},
    )


@dataclass(slots=True)
class _Pile:
    """Examples by the hash of their bytes.

    Attributes:
        kept: those that can be used.
        torn: classes of pictures that are said to be of several.
        failures: what is left out, and why.
        first: the first few, prepared.
    """

    kept: dict[str, Example] = field(default_factory=dict)
    torn: dict[str, set[str]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    first: dict[str, Any] = field(default_factory=dict)

    def prepared(
        self, classifier: Classifier, examples: Sequence[Example]
    ) -> Iterator[tuple[str, Any]]:
        """Hash and model input of each picture that is new; what people said comes first."""
        ordered = sorted(examples, key=lambda one: not one.corrected)
        source, policy = Ahead(one.image for one in ordered), DecodePolicy()
        for example in ordered:
            try:
                data = source.read(example.image)
                digest = hashlib.sha256(data).hexdigest()
                if digest in self.kept:
                    self._again(digest, example)
                    continue
                tensor = classifier.prepare(decode_picture(data, policy))
            except ImageError as error:
                self.failures.append(f"{safe(example.image.path)}: {error}")
                continue
            self.kept[digest] = example
            if len(self.first) < SHOWN:
                self.first[digest] = tensor.copy()
            yield digest, tensor

    def _again(self, digest: str, example: Example) -> None:
        before = self.kept[digest]
        if before.label != example.label and before.corrected == example.corrected:
            self.torn.setdefault(digest, {before.label}).add(example.label)

    def leave_out_torn(self) -> None:
        """Leave out pictures that are said to be of several classes."""
        for digest, labels in self.torn.items():
            path, classes = self.kept.pop(digest).image.path, ", ".join(map(safe, sorted(labels)))
            self.failures.append(f"{safe(path)}: the same picture is in {classes}")


def _inferred(
    ring: Ring, images: Iterator[tuple[str, Any]]
) -> Iterator[tuple[str, NDArray[np.float32]]]:
    for digest, tensor in images:
        if not ring.has_free:
            yield _oldest(ring)
        ring.start((digest,), (tensor,))
    while ring.in_flight:
        yield _oldest(ring)


def _oldest(ring: Ring) -> tuple[str, NDArray[np.float32]]:
    finished = ring.wait(WAIT_S)
    if finished is None or finished.error is not None:
        why = f"no answer in {WAIT_S:g} s" if finished is None else finished.error
        raise ModelError(f"device {ring.device} cannot run the model: {why}")
    return finished.tags[0], finished.scores[0].copy()
