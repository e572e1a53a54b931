"""The boxes of ISO media files, which AVIF, HEIF and JPEG 2000 are made of.

Nothing is read in proportion to a number in the file that its size does not back.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from batchcls.decode.header import check_parts, corrupt, truncated

NEEDED = frozenset({b"ftyp", b"meta", b"mdat", b"moov", b"jP  ", b"jp2h", b"jp2c"})
"""Boxes that a whole file has to its last byte; what else is cut off behind them does no harm."""


MAX_BOXES = 4096
"""Boxes in one box, and whatever else is listed there; an iPhone's picture has 200 items."""


@dataclass(frozen=True, slots=True)
class Box:
    """One box: its type, and where its content begins and ends."""

    kind: bytes
    start: int
    end: int


class Fields:
    """Reads the content of a box, field by field.

    Args:
        data: the file.
        box: the box; reading past its end is corruption.
        versioned: it begins with a version and flags.
    """

    def __init__(self, data: bytes, box: Box, *, versioned: bool = True) -> None:
        self._data = data
        self.at = box.start
        self.end = box.end
        self.version = self.flags = 0
        if versioned:
            self.version = self.number(1)
            self.flags = self.number(3)

    def number(self, size: int) -> int:
        """An unsigned integer of so many bytes; of 0 bytes it is 0."""
        return int.from_bytes(self.bytes(size), "big")

    def bytes(self, size: int) -> bytes:
        """The next bytes."""
        start, self.at = self.at, self.at + size
        if self.at > self.end:
            raise corrupt("a box that ends inside its fields")
        return self._data[start : self.at]


def whole_boxes(data: bytes) -> dict[bytes, Box]:
    """The first box of each type at the top of a file.

    Raises:
        ImageError: truncated, corrupt, too_large.
    """
    found: dict[bytes, Box] = {}
    for box in _boxes(data, 0, len(data)):
        if box.end > len(data):
            if box.kind in NEEDED:
                raise truncated("inside its boxes")
            break  # other bytes, put behind the file
        found.setdefault(box.kind, box)
    return found


def boxes_within(data: bytes, start: int, end: int) -> Iterator[Box]:
    """Boxes inside a box that the file holds whole.

    Raises:
        ImageError: corrupt, too_large.
    """
    for box in _boxes(data, start, end):
        if box.end > end:
            raise corrupt("a box that is longer than the one around it")
        yield box


def _boxes(data: bytes, at: int, end: int) -> Iterator[Box]:
    parts = 0
    while at + 8 <= end:
        check_parts(parts := parts + 1, MAX_BOXES)
        size, start = int.from_bytes(data[at : at + 4], "big"), at + 8
        kind = data[at + 4 : start]
        if size == 1:  # the real one follows
            size, start = int.from_bytes(data[start : start + 8], "big"), start + 8
        stop = at + size if size else end
        if stop < start:
            raise corrupt("a box that is shorter than its own header")
        yield Box(kind, start, stop)
        at = stop
