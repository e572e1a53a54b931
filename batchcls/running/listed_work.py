"""The work of a run, in order: images of the frozen list, carried lines, further passes."""

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import closing

from batchcls.images import ImageRef
from batchcls.messages import Answer
from batchcls.sources.inputs import InputsReader

AT_ONCE = 1 << 16

ImagesOf = Callable[[Iterable[int]], Mapping[int, ImageRef]]
"""Images by the indices that their answers have; raises `RefusedError`, `OSError`."""


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
        carried: Generator[Answer, None, None] | None = None,
    ) -> None:
        self._reader = reader
        self._images = images
        self._next = first
        self._stop = images.start + len(images) * passes
        nothing: tuple[Answer, ...] = ()
        self._carried = carried or (answer for answer in nothing)
        self._next_carried = next(self._carried, None)
        reader.seek(first)

    @property
    def remaining(self) -> int:
        """How many images have not been taken yet, further passes included."""
        return self._stop - self._next

    def close(self) -> None:
        """Close the list, and what gives carried lines."""
        self._carried.close()
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


def images_of(reader: InputsReader, images: range, indices: Iterable[int]) -> dict[int, ImageRef]:
    """Some images by the indices that their answers have, those of further passes too.

    Args:
        reader: of the list, at its beginning; is closed.
        images: those of the list that are labelled.

    Raises:
        RefusedError: the list is damaged.
    """
    listed: dict[int, list[int]] = {}
    for index in indices:
        listed.setdefault(images.start + (index - images.start) % len(images), []).append(index)
    found: dict[int, ImageRef] = {}
    with closing(reader):
        for place in sorted(listed):
            if place - reader.next_index < AT_ONCE:  # to seek what was read reads all before it
                reader.chunk(place - reader.next_index)
            else:
                reader.seek(place)
            for image in reader.chunk(1):
                found |= {index: image._replace(index=index) for index in listed[place]}
    return found
