"""Decides which images are leased next: chunks that came back, then the list's, in order."""

from collections import deque
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
        self._returned: deque[tuple[ImageRef, ...]] = deque()

    def begin(self, work: Work) -> None:
        """The list is there."""
        self._work = work

    @property
    def left(self) -> bool:
        """There are images to lease, or will be."""
        return self._work is None or bool(self._work.remaining or self._returned)

    def give_back(self, chunks: Iterable[tuple[ImageRef, ...]]) -> None:
        """These were leased to a worker that died before it touched them."""
        self._returned.extend(chunks)

    def returned(self) -> tuple[ImageRef, ...]:
        """The next chunk that came back; empty if there is none."""
        return self._returned.popleft() if self._returned else ()

    def listed(self, workers: int) -> Sequence[ImageRef | Answer]:
        """The next entries of the list, by guided self-scheduling; empty at its end.

        Args:
            workers: how many share the list now.
        """
        if self._work is None or not self._work.remaining:
            return ()
        fair = -(-self._work.remaining // (4 * workers))
        return self._work.take(min(self._most, fair))
