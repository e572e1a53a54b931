"""What a source of images is: it names them once, and reads them one by one ever after.

An image is three things, none of which stands for another: its identity is its position in the
frozen list, its name is what the results call it, and its place is where its bytes are (see
`ImageRef`). A source gives names and places; the frozen list makes identities of their order.
"""

from collections.abc import Iterator
from typing import Protocol

from batchcls.images import ImageRef, Place


class ImageReader(Protocol):
    """Reads images by their places."""

    def read(self, image: ImageRef) -> bytes:
        """One image's bytes: all of them, of one version, and never none.

        It may be asked for any image, in any order, by several threads at once, and comes to an
        end whatever is found at the image's place.

        Raises:
            ImageError: why there are none. Nothing else is raised because of an image.
        """


class Source(ImageReader, Protocol):
    """Something that holds images.

    `list` runs in the coordinator, `read` in the workers, perhaps weeks later: what `read` needs
    to find an image stands in its place, and not in what `list` has seen.
    `tests/support/source_contract.py` checks what is promised here; every source must pass it.
    """

    def list(self) -> Iterator[tuple[bytes, Place]]:
        """Each image's name, raw and without NUL, and its place; to be asked for once.

        The order depends on nothing but the images. Memory does not grow with their number.

        Raises:
            SourceError: the images cannot be listed, or not all of them.
        """
