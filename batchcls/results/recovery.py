"""Walks a results file: how far is it right, and where is it not? Reads only.

Rules of this file:

1. Up to the commit mark the checksum decides. It is right, or the results are refused.
2. Behind the mark every line must be whole, a record of its own place, and what its image's line
   must be (`expected_line`); the first that is not ends the file. That is what a crash leaves, and
   it is dropped.

Behind the mark no checksum protects from a flipped bit. That tail is seconds old: it is there after
a crash between a commit's write and its mark, or when power failed before the mark, which is not
synced, reached the disk.
"""

import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from batchcls.errors import RefusedError
from batchcls.results import record
from batchcls.results.earlier_record import as_today
from batchcls.results.mark import Mark, State
from batchcls.results.storage import Storage, blocks, opened

Fits = Callable[[bytes, int], bool]
"""Whether a line can be that of the image with this index, besides being a record of it."""


def any_record(line: bytes, index: int) -> bool:
    """Where nothing more is known of the lines."""
    return True


@dataclass(frozen=True, slots=True)
class Identity:
    """Tells one finished results file from another: bytes, lines, CRC-32."""

    size: int
    lines: int
    crc32: int


@dataclass(slots=True)
class Prefix:
    """The right beginning of a results file.

    Attributes:
        failed: its lines with an error, by kind.
        first: index of its first line; not 0 in a shard.
    """

    size: int = 0
    count: int = 0
    crc32: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    first: int = 0

    @classmethod
    def of(cls, mark: Mark, first: int = 0) -> Self:
        """What a mark counts."""
        return cls(mark.size, mark.count, mark.crc32, Counter(mark.failed), first)

    @property
    def next(self) -> int:
        """Index of the line that comes behind it."""
        return self.first + self.count

    def mark(self, state: State, mtime_ns: int = 0) -> Mark:
        """The mark to put once it is on the disk."""
        return Mark(
            size=self.size,
            count=self.count,
            crc32=self.crc32,
            state=state,
            failed=dict(self.failed),
            mtime_ns=mtime_ns,
        )

    @property
    def identity(self) -> Identity:
        """Of a file with this content and no other."""
        return Identity(self.size, self.count, self.crc32)

    def add(self, line: bytes, failed: str | None) -> None:
        """One more line, without its newline."""
        self.size += len(line) + 1
        self.count += 1
        self.crc32 = zlib.crc32(b"\n", zlib.crc32(line, self.crc32))
        if failed is not None:
            self.failed[failed] += 1


def lines(pieces: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Lines without their newline, and whether they had one; never more than a long line's memory.

    A line beyond `record.MAX_LINE` comes cut, as one without newline, and is the last.
    """
    rest = b""
    for piece in pieces:
        whole = (rest + piece).split(b"\n")
        rest = whole.pop()
        for line in whole:
            yield line, True
        if len(rest) > record.MAX_LINE:
            break
    if rest:
        yield rest, False


def extend(prefix: Prefix, pieces: Iterable[bytes], limit: int, fits: Fits = any_record) -> None:
    """Lengthen a right prefix for as long as lines are right.

    Args:
        prefix: what is known to be right; grows.
        pieces: what follows it in the file.
        limit: lines that the whole file has at most.
        fits: what else a line must be.
    """
    for line, whole in lines(pieces):
        if not whole or prefix.count >= limit:
            return
        checked = record.check(line, prefix.next)
        if checked is None or not fits(line, prefix.next):
            return
        prefix.add(line, checked.failed)


def beginning(storage: Storage, fd: int, count: int, first: int = 0) -> Prefix:
    """The first lines of a file that is known to be right."""
    prefix = Prefix(first=first)
    if count:
        extend(prefix, blocks(storage, fd, 0), count)
    return prefix


def identify(storage: Storage, fd: int) -> Identity:
    """Length, number of newlines and CRC-32 of a file (1 GB in about a second)."""
    size = count = crc32 = 0
    for block in blocks(storage, fd, 0):
        size += len(block)
        count += block.count(b"\n")
        crc32 = zlib.crc32(block, crc32)
    return Identity(size, count, crc32)


def checksum(storage: Storage, fd: int, size: int) -> int:
    """CRC-32 of the first `size` bytes (1 GB in about a second)."""
    crc32 = 0
    for block in blocks(storage, fd, 0, size):
        crc32 = zlib.crc32(block, crc32)
    return crc32


def require_marked(
    storage: Storage, fd: int, path: Path, mark: Mark, fits: Fits = any_record, first: int = 0
) -> None:
    """Refuse results that are not what the mark says was on the disk.

    Args:
        fits: helps to find the place.
        first: index of the first line.

    Raises:
        RefusedError: naming the byte offset of the first bad line.
    """
    size = storage.fstat(fd).size
    if size < mark.size:
        raise RefusedError(
            f"{path} is damaged: it has {size:,} bytes, but {mark.size:,} were safely on the disk; "
            "restore it from a copy, or start over with `--fresh`"
        )
    if checksum(storage, fd, mark.size) == mark.crc32:
        return
    offset, where = 0, f"something in its first {mark.size:,} bytes was changed"
    for index, (line, whole) in enumerate(lines(blocks(storage, fd, 0, mark.size)), first):
        if not whole or record.check(as_today(line), index) is None or not fits(line, index):
            where = f"line {index - first + 1:,}, at byte {offset:,}, is not what was written"
            break
        offset += len(line) + 1
    raise RefusedError(
        f"{path} is damaged: {where}; restore it from a copy, or start over with `--fresh`"
    )


def require_finished(
    storage: Storage, path: Path, mark: Mark, fits: Fits = any_record, first: int = 0
) -> None:
    """Refuse a finished file that is not what it was when it was finished.

    Where its size and time are the same, it is not read (`verify` does that). A time of whole
    seconds may hide a change within that second.

    Args:
        fits: helps to find the place.
        first: index of the first line.

    Raises:
        RefusedError: it is missing or changed, with the place as far as it can be known.
        OSError: as it comes.
    """
    found = storage.stat(path)
    if found is None:
        raise RefusedError(
            f"{path} was complete and is now missing; restore it, or start over with `--fresh`"
        )
    if not found.regular:
        raise RefusedError(
            f"{path} was complete, and something else than a file is there now; restore it, or "
            "move away what is there and run the same command to start over"
        )
    trusted = mark.mtime_ns % 1_000_000_000 != 0
    if trusted and (found.size, found.mtime_ns) == (mark.size, mark.mtime_ns):
        return
    with opened(storage, path) as fd:
        require_marked(storage, fd, path, mark, fits, first)
    if found.size > mark.size:
        raise RefusedError(
            f"{path} is damaged: something was added behind its last line, at byte {mark.size:,}; "
            "remove that, restore it from a copy, or start over with `--fresh`"
        )
