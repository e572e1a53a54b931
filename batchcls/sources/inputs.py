"""The frozen inputs list on disk: raw paths, each ended by a NUL byte; image k is path k.

Rules of this file:

1. The list appears whole by rename, synced before it and its directory after it, or not at all.
2. It is never changed afterwards but by `--extend`, which puts a longer list in its place, whose
   beginning is the old list byte for byte.
3. Reading takes constant memory, whatever the length.
4. A list that holds addresses of web servers is for its owner's eyes only: they may be signed.
5. Where some images are members of containers, `containers.places` has each image's place; the
   files beside the list are of it, and go where it goes.
"""

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from itertools import count, repeat, starmap
from pathlib import Path
from typing import IO, Any

from batchcls.errors import RefusedError
from batchcls.images import Container, Folder, ImageRef, Place
from batchcls.sources.aside import Aside
from batchcls.sources.containers.places import (
    PLAIN,
    Places,
    beside,
    decode_containers,
    encode_containers,
    read_records,
)
from batchcls.sources.nul_ended import BLOCK, NAMES_AT_ONCE, Splitter, joined
from batchcls.sources.url_names import as_listed, holds_url

HEIC_ENDINGS = (b".heic", b".heif", b".hif")
"""How names end of images whose decoder is not installed with batchcls."""


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
        members: SHA-256 of the files beside the list, by name, where some images are members of
            containers; else empty.
        named: names that end as those of formats whose decoder may be missing, by ending.
    """

    root: str
    count: int
    sha256: str
    duplicates: int = 0
    skipped: tuple[str, ...] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)
    members: Mapping[str, str] = field(default_factory=dict)
    named: Mapping[str, int] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """JSON data; nothing of what there is none of, as before there was any."""
        data = asdict(self)
        for optional in ("members", "named"):
            if not data[optional]:
                del data[optional]
        return data


class ListWriter:
    """Writes a list under a temporary name and puts it in place.

    Attributes:
        count: of images so far.
        containers: what the places' numbers mean.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._names = Aside(path)
        self._places: Aside | None = None
        self._block: list[bytes] = []
        self._records: list[bytes] = []
        self.count = 0
        self.containers: list[Container] = []
        self.named: Counter[str] = Counter()

    def add(self, path: bytes, place: bytes = PLAIN) -> None:
        """Append one path, and where its image is: `containers.places.record`, if it is a member.

        The first member's container must be known by then.
        """
        if self._places is None and self.containers:
            self._begin_places()
        self._block.append(path)
        if self._places is not None:
            self._records.append(place)
        self.count += 1
        if len(self._block) == NAMES_AT_ONCE:
            self._write()

    def begin_with(self, path: Path, old: InputsList) -> None:
        """Begin with a list that is there: in blocks, since a night writes a long one often."""
        self._names.copy(path)
        self.count = old.count
        self.named.update(old.named)
        if old.members:
            containers, records = beside(path)
            self.containers = decode_containers(containers.read_bytes())
            self._places = Aside(beside(self._path)[1])
            self._places.copy(records)

    def reopen(self) -> IO[bytes]:
        """What is written so far, for reading from its beginning."""
        self._write()
        return self._names.temporary.open("rb")

    def places(self) -> Iterator[bytes]:
        """The records of what is written so far; without end where there are no members."""
        self._write()
        if self._places is None:
            return repeat(PLAIN)
        return read_records(self._places.temporary)

    def commit(self) -> tuple[str, dict[str, str]]:
        """Sync the list and what is beside it, put it in place, and return their SHA-256."""
        self._write()
        members = {}
        if self._places is not None:
            containers, _ = beside(self._path)
            table = Aside(containers)
            try:
                table.write(encode_containers(self.containers))
                members = {"containers": table.commit(), "places": self._places.commit()}
            finally:
                table.discard()
        return self._names.commit(), members

    def discard(self) -> None:
        """Leave no temporary file; without effect after `commit`."""
        self._names.discard()
        if self._places is not None:
            self._places.discard()

    def _begin_places(self) -> None:
        """Everything so far was a file."""
        self._places = Aside(beside(self._path)[1])
        left = self.count
        while left:
            some = min(left, NAMES_AT_ONCE)
            self._places.write(PLAIN * some)
            left -= some

    def _write(self) -> None:
        if self._block:
            block = joined(self._block)
            if holds_url(block):
                self._names.hide()
                self.named[HEIC_ENDINGS[0].decode()] += 1  # an address says nothing of its image
            lowered = block.lower()
            for ending in HEIC_ENDINGS:
                self.named[ending.decode()] += lowered.count(ending + b"\0")
            self._names.write(block)
            self._block.clear()
        if self._places is not None and self._records:
            self._places.write(b"".join(self._records))
            self._records.clear()


def _listed(index: int, name: str, place: Place) -> ImageRef:
    if isinstance(place, Folder):
        return as_listed(index, name, place)
    return ImageRef(index, name, place)


class InputsReader:
    """Hands out the images of a frozen list in order.

    Args:
        path: the list's file.
        folder: where the images' paths lead from; a string is `InputsList.root`.
        members: some images are members of containers.
    """

    def __init__(self, path: Path | str, folder: Folder | str, *, members: object = False) -> None:
        self._folder = Folder(folder) if isinstance(folder, str) else folder
        self.next_index = 0
        self._path = Path(path)
        self._places = Places(self._path, self._folder) if members else None
        self._file: IO[bytes] = self._path.open("rb", buffering=0)
        self._names: list[bytes] = []  # the next names, last first
        self._splitter = Splitter()

    def chunk(self, n: int) -> tuple[ImageRef, ...]:
        """The next `n` images; fewer at the end of the list, none after it.

        Raises:
            RefusedError: the list ends in the middle of a path.
        """
        names: list[bytes] = []
        while len(names) < n:
            if not self._names and not self._fill():
                break
            names.append(self._names.pop())
        first, self.next_index = self.next_index, self.next_index + len(names)
        places = (
            repeat(self._folder) if self._places is None else self._places.of(first, len(names))
        )
        images = zip(count(first), map(os.fsdecode, names), places, strict=False)
        make = _listed if any(map(holds_url, names)) else ImageRef
        return tuple(starmap(make, images))

    def seek(self, index: int) -> None:
        """Go on at this image; counts NUL bytes on the way, 400 MB in well under a second.

        Raises:
            RefusedError: the list is shorter.
        """
        left = index - self.next_index - len(self._names)
        if left < 0:  # back, or to one of those that were read already
            self._file.seek(0)
            left = index
        elif left == 0:  # the image behind those that were read: its path may have been begun
            self._names, self.next_index = [], index
            return
        self._names, self._splitter, self.next_index = [], Splitter(), index
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
        """Close the files."""
        self._file.close()
        if self._places is not None:
            self._places.close()

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
