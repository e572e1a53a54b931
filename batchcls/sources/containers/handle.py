"""What a container is read through while it is open, wherever it is."""

import os
from contextlib import AbstractContextManager, nullcontext
from typing import IO, Any

from batchcls.errors import ImageError
from batchcls.images import Container

CHANGED = "its container has changed since it was listed"


class Handle:
    """An open container.

    Attributes:
        kept: what the reader of its kind keeps for the next member.
        batches: of rows, so many are kept: threads that share it ask for neighbours in any order.
    """

    kept: Any = None
    batches = 1

    def turn(self, index: int) -> AbstractContextManager[None]:
        """To be held while this image is read: where threads share it, one reads at a time."""
        return nullcontext()

    def read_at(self, offset: int, count: int) -> bytes:
        """So many bytes.

        Raises:
            ImageError: it is shorter by now.
        """
        raise NotImplementedError

    def file(self) -> Any:
        """It as a file, for a reader that is not ours; may be taken several times."""
        raise NotImplementedError

    def require_same(self, container: Container) -> None:
        """Refuse one that is not as it was when it was listed.

        Raises:
            ImageError: changed.
        """
        raise NotImplementedError


class FileHandle(Handle):
    """A file, closed when nobody has it any more: at its thread's end, too.

    Args:
        number: its descriptor.
    """

    def __init__(self, number: int) -> None:
        self._number = number

    def read_at(self, offset: int, count: int) -> bytes:
        data = os.pread(self._number, count, offset)
        while len(data) < count:
            more = os.pread(self._number, count - len(data), offset + len(data))
            if not more:
                raise ImageError("changed", CHANGED)
            data += more
        return data

    def file(self) -> IO[bytes]:
        return os.fdopen(self._number, "rb", closefd=False)

    def require_same(self, container: Container) -> None:
        found = os.fstat(self._number)
        if (found.st_size, found.st_mtime_ns) != (container.size, container.version):
            raise ImageError("changed", CHANGED)

    def __del__(self) -> None:
        os.close(self._number)
