"""The work of a run, in order: images of the frozen list, carried lines, further passes."""

from collections.abc import Iterator, Sequence

from batchcls.images import ImageRef
from batchcls.messages import Answer
from batchcls.sources.inputs import InputsReader


class ListedWork:
    """Hands out the inputs list from the first missing line on.

    Args:
        reader: of the list.
        count: images on it.
        first: index of the first line to make.
        passes: how often the list is gone through; images of later passes get indices from
            `count` on, so that nobody mistakes their answers for lines.
        carried: lines that a new generation takes over, from `first` on: index order, with gaps
            where an image must be done again.
    """

    def __init__(
        self,
        reader: InputsReader,
        count: int,
        first: int = 0,
        passes: int = 1,
        carried: Iterator[Answer] | None = None,
    ) -> None:
        self._reader = reader
        self._count = count
        self._next = first
        self._total = count * passes
        self._carried = carried or iter(())
        self._next_carried = next(self._carried, None)
        reader.seek(first)

    @property
    def remaining(self) -> int:
        """How many images have not been taken yet, further passes included."""
        return self._total - self._next

    def close(self) -> None:
        """Close the list."""
        self._reader.close()

    def take(self, count: int) -> Sequence[ImageRef | Answer]:
        """The next `count` images, or fewer at the end of a pass.

        Raises:
            RefusedError: the list is damaged.
        """
        place = self._next % self._count
        if place == 0 and self._next:
            self._reader.seek(0)
        images = self._reader.chunk(min(count, self._count - place))
        shift = self._next - place
        self._next += len(images)
        if shift:
            return [image._replace(index=image.index + shift) for image in images]
        return [self._carried_or(image) for image in images]

    def _carried_or(self, image: ImageRef) -> ImageRef | Answer:
        carried = self._next_carried
        if carried is None or carried.index != image.index:
            return image
        self._next_carried = next(self._carried, None)
        return carried
