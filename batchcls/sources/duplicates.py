"""Which entries of a list repeat an earlier one, exactly, in eight bytes of memory an entry.

First pass: a 64-bit hash of each entry, in buckets; hashes that occur twice are suspects. Only
if there are any, a second pass sorts the suspects' paths on disk and compares them byte by byte,
so a collision of hashes loses no image.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterable
from contextlib import closing
from itertools import pairwise
from pathlib import Path

from batchcls.sources.spill import SortedSpill

BUCKETS = 256
MASK = (1 << 64) - 1
MARK = b"//"  # never in a normal path, so equal paths lie side by side when sorted
DIGITS = 12


def normal(path: bytes, folder: bytes) -> bytes:
    """A path as it is compared: absolute, without ``//`` and ``/./``.

    ``..`` and symbolic links stay: they cannot be resolved without asking the file system.
    """
    if not path.startswith(b"/"):
        path = folder + b"/" + path
    if b"//" in path or b"/." in path:
        parts = [part for part in path.split(b"/") if part not in (b"", b".")]
        path = b"/" + b"/".join(parts)
    return path


class SeenHashes:
    """Hashes of the entries so far, and which of them occur twice."""

    def __init__(self) -> None:
        self._buckets = [array("Q") for _ in range(BUCKETS)]

    def add(self, path: bytes) -> None:
        """Count a path, in its normal form."""
        value = hash(path) & MASK
        self._buckets[value >> 56].append(value)

    def suspects(self) -> "array[int]":
        """Hashes that came more than once, sorted."""
        twice = array("Q")
        for bucket in self._buckets:  # in order of the highest byte, so the whole is sorted too
            values = sorted(bucket)
            twice.extend(sorted({a for a, b in pairwise(values) if a == b}))
        return twice


class Marks:
    """A set of positions in a list, in a bit each."""

    def __init__(self) -> None:
        self._bits = bytearray()
        self.count = 0

    def add(self, position: int) -> None:
        """Add a position that is not in the set yet."""
        byte = position >> 3
        if byte >= len(self._bits):
            self._bits.extend(bytes(byte + 1 - len(self._bits)))
        self._bits[byte] |= 1 << (position & 7)
        self.count += 1

    def __contains__(self, position: int) -> bool:
        byte = position >> 3
        return byte < len(self._bits) and bool(self._bits[byte] >> (position & 7) & 1)


def repeated(paths: Iterable[bytes], suspects: "array[int]", folder: Path) -> Marks:
    """Positions of the paths that are equal to an earlier one.

    Args:
        paths: every path in its normal form, in the order in which it was hashed.
        suspects: of `SeenHashes`.
        folder: where to spill.
    """
    marks = Marks()
    with closing(SortedSpill(folder)) as spill:
        for position, path in enumerate(paths):
            value = hash(path) & MASK
            at = bisect_left(suspects, value)
            if at < len(suspects) and suspects[at] == value:
                spill.add(path + MARK + str(position).zfill(DIGITS).encode())
        before = None
        for line in spill:
            path = line[: -DIGITS - len(MARK)]
            if path == before:
                marks.add(int(line[-DIGITS:]))
            before = path
    return marks
