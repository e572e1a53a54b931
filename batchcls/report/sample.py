"""Chooses which images a report shows, in one pass and bounded memory, the same ones every time.

Rules of this file:

1. Chosen at random means: those with the smallest hash of their index. So the choice depends on
   nothing but the results, and another run over the same images shows the same ones.
2. Memory grows with classes and kinds of failure, never with images.
3. Of equals, the smaller hash wins: a model that is sure of everything shows no first folder.
"""

import json
from collections import Counter
from dataclasses import dataclass, field
from heapq import heappush, heapreplace, nsmallest

from batchcls.report.scan import Line

BINS = 20
"""Of the histogram of scores."""
MOST_CLASSES = 25_000
"""Further labels are counted together, since each takes up to 4.4 KB: ImageNet-21k has 21,841."""
SURE_OF_CLASS = 3

_MASK = (1 << 64) - 1


def mixed(index: int) -> int:
    """The hash of an index: 64 bits, by splitmix64's finaliser."""
    x = (index + 1) * 0x9E3779B97F4A7C15 & _MASK
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 & _MASK
    x = (x ^ x >> 27) * 0x94D049BB133111EB & _MASK
    return x ^ x >> 31


Key = tuple[float, int]
"""What an image is chosen by, the smallest first, and its hash."""
Found = tuple[Key, int, int]
"""The key negated, the image's index, and where its line begins."""


class Smallest:
    """The images with the smallest keys."""

    __slots__ = ("_heap", "_most", "worst")

    def __init__(self, most: int) -> None:
        self._most = most
        self._heap: list[Found] = []
        self.worst: Key = (float("inf"), 0) if most else (float("-inf"), 0)

    def add(self, key: Key, index: int, offset: int) -> None:
        """Offer an image; the caller has seen that ``key < worst``, which is the common case."""
        entry = ((-key[0], -key[1]), index, offset)
        if len(self._heap) < self._most:
            heappush(self._heap, entry)
            if len(self._heap) < self._most:
                return
        else:
            heapreplace(self._heap, entry)
        worst = self._heap[0][0]
        self.worst = (-worst[0], -worst[1])

    def chosen(self) -> list[tuple[int, int]]:
        """Index and offset of each, the smallest key first."""
        return [(index, offset) for _, index, offset in sorted(self._heap, reverse=True)]


class OfClass:
    """What is known of the images whose best class this is."""

    __slots__ = ("images", "scores", "some", "sure")

    def __init__(self, most: int) -> None:
        self.images = 0
        self.scores = 0.0
        self.some = Smallest(most)
        self.sure = Smallest(SURE_OF_CLASS)


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many images are shown at most.

    Attributes:
        unsure: of all.
        classes: the most frequent ones that are shown.
        of_class: of each of these.
        failed: of each kind of failure.
    """

    unsure: int = 240
    classes: int = 24
    of_class: int = 12
    failed: int = 12

    @classmethod
    def within(cls, pictures: int) -> "Sizes":
        """Shares of about so many pictures."""
        of_class = max(2, min(12, pictures // 24))
        return cls(pictures * 2 // 5, max(1, pictures // 2 // (of_class + SURE_OF_CLASS)), of_class)


@dataclass(slots=True)
class Sample:
    """What one pass over the lines leaves.

    Attributes:
        sizes: how many images are chosen.
        images: lines seen.
        failed: failures by kind.
        unanswered: answers without a class, of multi-label models.
        classes: by label, as it stands in the lines.
        others: images of labels beyond `MOST_CLASSES`.
        scores: images by best score, `BINS` bins of equal width from 0 to 1.
        probable: every best score was within 0 and 1.
    """

    sizes: Sizes = field(default_factory=Sizes)
    images: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    unanswered: int = 0
    classes: dict[bytes, OfClass] = field(default_factory=dict)
    others: int = 0
    scores: list[int] = field(default_factory=lambda: [0] * BINS)
    probable: bool = True
    unsure: Smallest = field(init=False)
    of_kind: dict[str, Smallest] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.unsure = Smallest(self.sizes.unsure)

    def add(self, line: Line, offset: int) -> None:
        """Count one image.

        Args:
            offset: where its line begins.
        """
        index, label, score, margin, kind = line
        self.images += 1
        chance = mixed(index)
        if label is None:
            self._without_class(kind, chance, index, offset)
            return
        if 0.0 <= score <= 1.0:
            self.scores[min(int(score * BINS), BINS - 1)] += 1
        else:
            self.probable = False
        if (key := (margin, chance)) < self.unsure.worst:
            self.unsure.add(key, index, offset)
        of_class = self.classes.get(label)
        if of_class is None:
            if len(self.classes) >= MOST_CLASSES:
                self.others += 1
                return
            of_class = self.classes[label] = OfClass(self.sizes.of_class)
        of_class.images += 1
        of_class.scores += score
        if (key := (0.0, chance)) < of_class.some.worst:
            of_class.some.add(key, index, offset)
        if (key := (-score, chance)) < of_class.sure.worst:
            of_class.sure.add(key, index, offset)

    def _without_class(self, kind: str, chance: int, index: int, offset: int) -> None:
        if not kind:
            self.unanswered += 1
            return
        self.failed[kind] += 1
        if kind not in self.of_kind:
            self.of_kind[kind] = Smallest(self.sizes.failed)
        if (key := (0.0, chance)) < self.of_kind[kind].worst:
            self.of_kind[kind].add(key, index, offset)

    def by_frequency(self) -> list[tuple[str, OfClass]]:
        """The classes, the most frequent first."""
        entries = nsmallest(
            len(self.classes), self.classes.items(), key=lambda entry: (-entry[1].images, entry[0])
        )
        return [(json.loads(label), found) for label, found in entries]
