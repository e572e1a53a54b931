"""Images that are files of the file system: a directory's, single ones, or those on a list."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import repeat

from batchcls.errors import ImageError
from batchcls.images import MAX_BYTES, Folder, ImageRef, folder_of
from batchcls.sources.reading import read_file


@dataclass(frozen=True, slots=True)
class Files:
    """A source of files; to read them, it need not know which ones there are.

    Attributes:
        paths: of the files, in the order in which they are listed; relative ones from `root`.
        root: see `Folder`.
        max_bytes: larger files are refused unread.
    """

    paths: Iterable[bytes] = ()
    root: str = ""
    max_bytes: int = MAX_BYTES

    def list(self) -> Iterator[tuple[bytes, Folder]]:
        """The files' paths; the place of all is the root."""
        return zip(self.paths, repeat(Folder(self.root)), strict=False)

    def read(self, image: ImageRef) -> bytes:
        """A file's bytes.

        Raises:
            ImageError: see `read_file`.
        """
        try:
            return read_file(os.fsencode(folder_of(image.place).path(image.path)), self.max_bytes)
        except ValueError as error:  # a NUL, or a surrogate that stands for no byte
            raise ImageError("vanished", "no file can have such a name") from error
