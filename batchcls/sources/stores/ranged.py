"""A container in a bucket, read by ranges: for a listing a file, for one image a handle.

Every answer says of which version of the object it is, so the container is the one that was listed
as long as it is read, and not before and after alone.
"""

import io
import os
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from batchcls.errors import ImageError, SetupError
from batchcls.images import Container
from batchcls.sources.allowance import Allowance
from batchcls.sources.containers.handle import Handle
from batchcls.sources.stores.names import split
from batchcls.sources.stores.store import LISTING, Found, store_of

FIRST, MOST = 1 << 16, 8 << 20
"""Bytes that are asked for at once: the more, the longer it is read forward."""

GAP = 1 << 20
"""Bytes that cost less to read than to ask for what is behind them."""


TABLES = {"parquet", "arrow"}
BATCHES = 4
"""Of rows, in memory: what threads that read ahead have in work at once."""


class Ranged(io.RawIOBase):
    """An object as a file. One block of it is in memory.

    Args:
        container: as it is now.
        allowance: of one read.
    """

    def __init__(self, container: Container, allowance: Allowance = LISTING) -> None:
        bucket, key = split(container.path)
        self._store = store_of(bucket)
        self._found = Found(key, container.size, container.version)
        self._allowance = allowance
        self._at = 0
        self._block = memoryview(b"")
        self._begin = 0
        self._step = FIRST

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._found.size}[whence]
        self._at = max(start + offset, 0)
        return self._at

    def readinto(self, buffer: "memoryview | bytearray") -> int:  # type: ignore[override]
        """As many bytes as there are; see `io.RawIOBase`.

        Raises:
            ImageError: changed; or the store does not give them.
        """
        view = memoryview(buffer).cast("B")
        count = max(min(len(view), self._found.size - self._at), 0)
        if count and not self._has(self._at, count):
            self._fetch(self._at, count)
        begin = self._at - self._begin
        view[:count] = self._block[begin : begin + count]
        self._at += count
        return count

    def exactly(self, offset: int, count: int) -> bytes:
        """So many bytes, by one request.

        Raises:
            ImageError: changed; or the store does not give them.
        """
        if offset < 0 or offset + count > self._found.size:
            raise ImageError("corrupt", "its place leads out of its container")
        return self._read(offset, offset + count) if count else b""

    def _read(self, begin: int, end: int) -> bytes:
        return self._store.read(self._found, self._allowance, (begin, end))

    def _has(self, offset: int, count: int) -> bool:
        return self._begin <= offset and offset + count <= self._begin + len(self._block)

    def _fetch(self, offset: int, count: int) -> None:
        forward = 0 <= offset - self._begin - len(self._block) + count <= GAP + count
        self._step = min(2 * self._step, MOST) if forward else FIRST
        end = min(offset + max(count, self._step), self._found.size)
        self._block = memoryview(b"")  # before the next one is there, too
        self._block = memoryview(self._read(offset, end))
        self._begin = offset


class Turns:
    """Lets one thread at a time read, that with the first image before others.

    A lock would let any, and rows that are asked for out of their order are fetched again.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: list[int] = []
        self._taken = False

    @contextmanager
    def of(self, index: int) -> Iterator[None]:
        """This thread's turn, for an image."""
        with self._changed:
            self._waiting.append(index)
            self._changed.wait_for(lambda: not self._taken and index == min(self._waiting))
            self._waiting.remove(index)
            self._taken = True
        try:
            yield
        finally:
            with self._changed:
                self._taken = False
                self._changed.notify_all()


class StoredHandle(Handle):
    """A container in a bucket, open; threads may share it."""

    def __init__(self, container: Container, allowance: Allowance) -> None:
        self._container = container
        self._allowance = allowance
        self._turns: Turns | None = None
        if container.kind in TABLES:
            self.batches = BATCHES
            self._turns = Turns()
            # Whoever has the turn waits for nobody's room, who may wait for the turn.
            self._allowance = Allowance(allowance.patience_s)
        try:
            self._file = Ranged(container, allowance)
        except SetupError as error:  # on this machine; where it was listed, obstore was there
            raise ImageError("io_error", str(error)) from error

    def read_at(self, offset: int, count: int) -> bytes:
        return self._file.exactly(offset, count)

    def turn(self, index: int) -> AbstractContextManager[None]:
        return nullcontext() if self._turns is None else self._turns.of(index)

    def file(self) -> Ranged:
        return Ranged(self._container, self._allowance)  # whoever takes it may close it

    def require_same(self, container: Container) -> None:
        """Each answer was of the same version, or none would be here."""
