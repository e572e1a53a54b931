"""The work of a run, in order: images of the frozen list, carried lines, further passes."""

from collections.abc import Iterator, Sequence

from batchcls.images import ImageRef
from batchcls.messages import Answer
from batchcls.sources.inputs import InputsReader


class ListedWork:
    """Hands out the inputs list from the first missing line on.

    Args:
        images: those of them that are labelled, a contiguous part or all.
        first: index of the first line to make.
        passes: how often the list is gone through; images of later passes get indices from
            `images.stop` on, so that nobody mistakes their answers for lines.
        carried: lines that a new generation takes over, from `first` on: index order, with gaps
            where an image must be done again.
    """

    def __init__(
        self,
        reader: InputsReader,
        images: range,
        first: int = 0,
        passes: int = 1,
        carried: Iterator[Answer] | None = None,
    ) -> None:
        self._reader = reader
        self._images = images
        self._next = first
        self._stop = images.start + len(images) * passes
        self._carried = carried or iter(())
        self._next_carried = next(self._carried, None)
        reader.seek(first)

    @property
    def remaining(self) -> int:
        """How many images have not been taken yet, further passes included."""
        return self._stop - self._next

    def close(self) -> None:
        """Close the list."""
        self._reader.close()

    def take(self, count: int) -> Sequence[ImageRef | Answer]:
        """The next `count` images, or fewer at the end of a pass.

        Raises:
            RefusedError: the list is damaged.
        """
        listed = self._images
        passed, done = divmod(self._next - listed.start, len(listed))
        if passed and not done:
            self._reader.seek(listed.start)
        images = self._reader.chunk(min(count, len(listed) - done))
        shift = passed * len(listed)
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
