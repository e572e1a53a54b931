"""Decides which images are leased next: chunks that came back, then the list's, in order."""

import heapq
from collections.abc import Iterable, Sequence

from batchcls.coordinator.policy import Work
from batchcls.images import ImageRef
from batchcls.messages import Answer


class Chunks:
    """What is still to be leased; nothing as long as there is no list.

    Args:
        most: images in a chunk.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._work: Work | None = None
        self._returned: list[tuple[ImageRef, ...]] = []  # a heap, by the first image

    def begin(self, work: Work) -> None:
        """The list is there."""
        self._work = work

    @property
    def left(self) -> bool:
        """There are images to lease, or will be."""
        return self._work is None or bool(self._work.remaining or self._returned)

    def give_back(self, chunks: Iterable[tuple[ImageRef, ...]]) -> None:
        """These were leased to a worker that died before it touched them."""
        for chunk in chunks:
            if chunk:
                heapq.heappush(self._returned, chunk)

    def give_back_loose(self, images: Iterable[ImageRef]) -> None:
        """These are to be done again, and are no chunk yet."""
        ordered = sorted(images)
        self.give_back(
            tuple(ordered[start : start + self._most])
            for start in range(0, len(ordered), self._most)
        )

    def returned(self) -> tuple[ImageRef, ...]:
        """The first of the chunks that came back; empty if there is none."""
        return heapq.heappop(self._returned) if self._returned else ()

    def next(self, workers: int) -> Sequence[ImageRef | Answer]:
        """The next entries of the list, by guided self-scheduling; empty at its end.

        Args:
            workers: how many share the list now.
        """
        if self._work is None or not self._work.remaining:
            return ()
        fair = -(-self._work.remaining // (4 * workers))
        return self._work.take(min(self._most, fair))
