"""The frozen inputs list on disk: raw paths, each ended by a NUL byte; image k is path k.

Rules of this file:

1. The list appears whole by rename, synced before it and its directory after it, or not at all.
2. It is never changed afterwards but by `--extend`, which puts a longer list in its place, whose
   beginning is the old list byte for byte.
3. Reading takes constant memory, whatever the length.
"""

import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

from batchcls.errors import RefusedError
from batchcls.images import Folder, ImageRef
from batchcls.sources.directory import sync_directory
from batchcls.sources.nul_ended import BLOCK, NAMES_AT_ONCE, Splitter, joined


@dataclass(frozen=True, slots=True)
class InputsList:
    """What a frozen list holds; the manifest keeps it.

    Attributes:
        root: absolute directory that the paths are relative to (decoded with ``os.fsdecode``).
        count: number of images.
        sha256: of the file's bytes, hexadecimal.
        duplicates: how many entries repeated an earlier one and were left out.
        skipped: what could not be listed (a directory without permission, …), a sentence each.
        left_out: files that were left out by their name, by ending, and folders by name.
    """

    root: str
    count: int
    sha256: str
    duplicates: int = 0
    skipped: tuple[str, ...] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """JSON data."""
        return asdict(self)


class ListWriter:
    """Writes a list under a temporary name and puts it in place."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._temporary = path.with_name(path.name + ".tmp")
        self._file: IO[bytes] = self._temporary.open("w+b", buffering=0)
        self._hash = hashlib.sha256()
        self._block: list[bytes] = []
        self.count = 0

    def add(self, path: bytes) -> None:
        """Append one path."""
        self._block.append(path)
        self.count += 1
        if len(self._block) == NAMES_AT_ONCE:
            self._write()

    def reopen(self) -> IO[bytes]:
        """What is written so far, for reading from its beginning."""
        self._write()
        return self._temporary.open("rb")

    def commit(self) -> str:
        """Sync the list, put it in place, and return its SHA-256."""
        self._write()
        os.fsync(self._file.fileno())
        self._file.close()
        self._temporary.replace(self._path)
        sync_directory(self._path.parent)
        return self._hash.hexdigest()

    def discard(self) -> None:
        """Leave no temporary file; without effect after `commit`."""
        if not self._file.closed:
            self._file.close()
            self._temporary.unlink(missing_ok=True)

    def _write(self) -> None:
        if self._block:
            data = memoryview(joined(self._block))
            self._hash.update(data)
            while data:
                data = data[self._file.write(data) :]
            self._block.clear()


class InputsReader:
    """Hands out the images of a frozen list in order.

    Args:
        path: the list's file.
        place: of the images; a string is `InputsList.root`.
    """

    def __init__(self, path: Path | str, place: Folder | str) -> None:
        self._place = Folder(place) if isinstance(place, str) else place
        self.next_index = 0
        self._path = Path(path)
        self._file: IO[bytes] = self._path.open("rb", buffering=0)
        self._names: list[bytes] = []  # the next names, last first
        self._splitter = Splitter()

    def chunk(self, n: int) -> tuple[ImageRef, ...]:
        """The next `n` images; fewer at the end of the list, none after it.

        Raises:
            RefusedError: the list ends in the middle of a path.
        """
        images: list[ImageRef] = []
        while len(images) < n:
            if not self._names and not self._fill():
                break
            path = os.fsdecode(self._names.pop())
            images.append(ImageRef(self.next_index, path, self._place))
            self.next_index += 1
        return tuple(images)

    def seek(self, index: int) -> None:
        """Go on at this image; counts NUL bytes from the start, 400 MB in well under a second.

        Raises:
            RefusedError: the list is shorter.
        """
        self._file.seek(0)
        self._names, self._splitter, self.next_index = [], Splitter(), index
        left = index
        while left:
            block = self._file.read(BLOCK)
            found = block.count(b"\0")
            if not block:
                raise RefusedError(
                    f"{self._path} has fewer than {index:,} images, so it is damaged; "
                    "start over with `--fresh`"
                )
            if found >= left:
                parts = block.split(b"\0", left)
                self._take(parts[-1])
                return
            left -= found

    def __iter__(self) -> Iterator[ImageRef]:
        """Every image from here on."""
        while images := self.chunk(1024):
            yield from images

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _fill(self) -> bool:
        while not self._names:
            block = self._file.read(BLOCK)
            if not block:
                if self._splitter.rest:
                    raise RefusedError(
                        f"{self._path} ends in the middle of a path, so it is damaged; "
                        "start over with `--fresh`"
                    )
                return False
            self._take(block)
        return True

    def _take(self, block: bytes) -> None:
        self._names = self._splitter.split(block)
        self._names.reverse()
