"""Reads the members of containers by their places: one image, one read, whatever lies before it.

Rules of this file:

1. A container must be what it was when it was listed, by size and time: else each of its images has
   `changed`, since what begins at a place now may be another image.
2. A thread keeps the containers open that it read last, and shares no file with others, which could
   close it while it is read. What is in a bucket is shared: rows come in batches, and as many
   threads read neighbours.
"""

import os
import threading
from dataclasses import dataclass, field
from importlib import import_module

from batchcls.errors import ImageError
from batchcls.images import MAX_BYTES, Container, ImageRef, Member, is_stored
from batchcls.sources.allowance import Allowance
from batchcls.sources.containers.handle import FileHandle, Handle
from batchcls.sources.containers.kinds import ROWS
from batchcls.sources.reading import FLAGS, patiently, require_regular

KEPT_OPEN = 4
"""Containers, by thread; leases are runs of neighbours."""


class _Kept(threading.local):
    """Containers that a thread has open, the last one last."""

    def __init__(self) -> None:
        self.files: dict[str, Handle] = {}


@dataclass(frozen=True, slots=True)
class Members:
    """Reads images whose place is a `Member`.

    Attributes:
        max_bytes: larger images are refused unread.
        allowance: for images in containers that are far away.
    """

    max_bytes: int = MAX_BYTES
    allowance: Allowance = field(default_factory=Allowance)
    _kept: _Kept = field(default_factory=_Kept)
    _stored: dict[str, Handle] = field(default_factory=dict)
    _opening: threading.Lock = field(default_factory=threading.Lock)

    def read(self, image: ImageRef, member: Member) -> bytes:
        """A member's bytes.

        Raises:
            ImageError: why there are none.
        """
        # Packed bytes are read as well as unpacked ones; of rows, `stored` is no number of bytes.
        size = member.size
        if member.container.kind not in ROWS:
            size = max(size, member.stored)
        if size > self.max_bytes:
            raise ImageError("too_large", f"{size} bytes, over the limit of {self.max_bytes}")
        path = member.container.path
        if not is_stored(path):
            path = member.folder.path(path)
        try:
            data = patiently(lambda: self._read_once(path, image, member))
        except ValueError as error:  # a NUL, or a surrogate that stands for no byte
            raise ImageError("vanished", "no file can have such a name") from error
        if len(data) > self.max_bytes:  # of a row, whose size no index has
            raise ImageError("too_large", f"{len(data)} bytes, over the limit of {self.max_bytes}")
        if not data:
            raise ImageError("empty", "no bytes in it")
        return data

    def _read_once(self, path: str, image: ImageRef, member: Member) -> bytes:
        try:
            handle = self._opened(path, member.container)
            try:
                with handle.turn(image.index):
                    return _contents(handle, image, member)
            finally:  # whatever was found there: in another container it means nothing
                handle.require_same(member.container)
        except Exception as error:
            # Of what is wrong with one image, its neighbours need not begin at the beginning again.
            if not isinstance(error, ImageError) or error.kind == "changed":
                self._files(member.container).pop(path, None)
            raise

    def _opened(self, path: str, container: Container) -> Handle:
        files = self._files(container)
        if (file := files.get(path)) is None:
            with self._opening:
                if (file := files.get(path)) is not None:
                    return file
                while len(files) >= KEPT_OPEN:
                    del files[next(iter(files))]
                for other in files.values():
                    other.kept = None  # a batch of rows may be gigabytes
                file = files[path] = _open(path, container, self.allowance)
            file.require_same(container)
        return file

    def _files(self, container: Container) -> dict[str, Handle]:
        return self._stored if is_stored(container.path) else self._kept.files


def _open(path: str, container: Container, allowance: Allowance) -> Handle:
    if is_stored(container.path):
        from batchcls.sources.stores.ranged import StoredHandle  # rare, and needs obstore

        return StoredHandle(container, allowance)
    # Before opening: merely opening a device can have effects.
    require_regular(os.stat(path))  # noqa: PTH116 - Path("a//b") is another path
    return FileHandle(os.open(path, FLAGS))


def _contents(handle: Handle, image: ImageRef, member: Member) -> bytes:
    if member.container.kind == "tar":
        return handle.read_at(member.offset, member.stored)
    # Only what is needed: a worker that reads files loads no archive's reader.
    module = import_module(f"batchcls.sources.containers.{member.container.kind}")
    data: bytes = module.read(handle, image, member)
    return data
