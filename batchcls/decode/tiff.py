"""TIFF and BigTIFF: the walk over its directories, and whether all strips and tiles are there.

Rules of this file:

1. The first directory is the picture. The others (further pages) are only checked to be within
   the file, the first `MAX_PAGES` of them; a loop of directories is corrupt.
2. Everything that a directory points to lies within the file, or the file is truncated.
3. Nothing is read in proportion to a number in the file that its size does not back.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from batchcls.decode.header import (
    Edit,
    Header,
    check_parts,
    check_size,
    corrupt,
    truncated,
)

WIDTH, HEIGHT, BITS, PHOTOMETRIC, ORIENTATION = 256, 257, 258, 262, 274
STRIP_OFFSETS, SAMPLES, ROWS_PER_STRIP, STRIP_SIZES, PLANAR = 273, 277, 278, 279, 284
TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS, TILE_SIZES = 322, 323, 324, 325
EXTRA_SAMPLES, SAMPLE_FORMAT, JPEG_AT, JPEG_SIZE = 338, 339, 513, 514
UNASSOCIATED_ALPHA = 2
SEPARATE = 2
MAX_SAMPLES = 8
MAX_PAGES = 500
TYPE_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4,
              16: 8, 17: 8, 18: 8}  # fmt: skip
INTEGERS = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}


@dataclass(frozen=True, slots=True)
class _Entry:
    """One entry of a directory: where its values are, and of what type."""

    kind: int
    count: int
    at: int


class _File:
    """A TIFF file's structure: byte order, classic or Big, directories."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.order = "<" if data[:2] == b"II" else ">"
        self.big = data[2:4] in (b"+\0", b"\0+")
        self.offset_size = 8 if self.big else 4

    def number(self, form: str, at: int) -> int:
        """One integer; truncated if the file ends before it."""
        try:
            value: int = struct.unpack_from(self.order + form, self.data, at)[0]
        except (struct.error, OverflowError):
            raise truncated("inside its structure") from None
        return value

    def offset(self, at: int) -> int:
        """A position in the file."""
        return self.number("Q" if self.big else "I", at)

    def directory(self, at: int) -> tuple[dict[int, _Entry], int]:
        """Entries by tag, and where the next directory is (0: nowhere)."""
        count = self.number("Q" if self.big else "H", at)
        at += 8 if self.big else 2
        entry_size = 20 if self.big else 12
        end = at + count * entry_size
        if end + self.offset_size > len(self.data):
            raise truncated("inside a directory")
        check_parts(count)
        entries: dict[int, _Entry] = {}
        for place in range(at, end, entry_size):
            tag, kind = struct.unpack_from(self.order + "HH", self.data, place)
            values = self.offset(place + 4)
            size = TYPE_SIZES.get(kind, 1) * values
            value_at = place + 4 + self.offset_size
            if size > self.offset_size:
                value_at = self.offset(value_at)
            if value_at + size > len(self.data):
                raise truncated("inside a directory's values")
            entries.setdefault(tag, _Entry(kind, values, value_at))
        return entries, self.offset(end)

    def values(self, entry: _Entry | None, at_most: int) -> Sequence[int]:
        """Integers of an entry, the first so many of them."""
        form = INTEGERS.get(entry.kind) if entry else None
        if entry is None or form is None:
            return ()
        count = min(entry.count, at_most)
        return struct.unpack_from(f"{self.order}{count}{form}", self.data, entry.at)

    def value(self, entries: dict[int, _Entry], tag: int, default: int) -> int:
        """The first integer of a tag."""
        found = self.values(entries.get(tag), 1)
        return found[0] if found else default


def read(data: bytes, max_pixels: int) -> Header:
    """Header of a TIFF file.

    Raises:
        ImageError: truncated, corrupt, too_large.
    """
    file = _File(data)
    at = file.offset(8 if file.big else 4)
    seen: set[int] = set()
    header: Header | None = None
    while at and len(seen) < MAX_PAGES:
        if at in seen:
            raise corrupt("its directories form a loop")
        seen.add(at)
        entries, at = file.directory(at)
        if header is None:
            header = _picture(file, entries, max_pixels)
        _check_extents(file, entries, max_pixels)
    if header is None:
        raise corrupt("no picture in it")
    return Header(
        "tiff",
        header.width,
        header.height,
        frames=len(seen),
        bits=header.bits,
        channels=header.channels,
        alpha=header.alpha,
        orientation=header.orientation,
        edits=header.edits,
    )


def _picture(file: _File, entries: dict[int, _Entry], max_pixels: int) -> Header:
    width, height = file.value(entries, WIDTH, 0), file.value(entries, HEIGHT, 0)
    check_size(width, height, max_pixels)
    bits = file.value(entries, BITS, 1)
    if bits > 16 or file.value(entries, SAMPLE_FORMAT, 1) not in (1, 4):
        raise corrupt(f"{bits} bits per sample, not 1 to 16 bits of whole numbers")
    samples = file.value(entries, SAMPLES, 1)
    if samples > MAX_SAMPLES:
        raise corrupt(f"{samples} samples per pixel")
    edits: list[Edit] = []
    alpha = entries.get(EXTRA_SAMPLES)
    if alpha is not None and file.values(alpha, 1) == (UNASSOCIATED_ALPHA,) and alpha.kind == 3:
        # libtiff would multiply the colours with it; 0 (unspecified) leaves them as they are.
        edits.append((alpha.at, alpha.at + 2, b"\0\0"))
    orientation = file.value(entries, ORIENTATION, 1)
    return Header(
        "tiff",
        width,
        height,
        bits=bits,
        channels=samples,
        alpha=alpha is not None,
        orientation=orientation if 1 <= orientation <= 8 else 1,
        edits=tuple(edits),
    )


def _check_extents(file: _File, entries: dict[int, _Entry], max_pixels: int) -> None:
    """All strips or tiles lie within the file."""
    width, height = file.value(entries, WIDTH, 0), file.value(entries, HEIGHT, 0)
    planes = file.value(entries, SAMPLES, 1) if file.value(entries, PLANAR, 1) == SEPARATE else 1
    if TILE_OFFSETS in entries:
        tile_width = file.value(entries, TILE_WIDTH, 0)
        tile_height = file.value(entries, TILE_HEIGHT, 0)
        check_size(tile_width, tile_height, max_pixels)
        count = -(-width // tile_width) * -(-height // tile_height) * planes
        tags = (TILE_OFFSETS, TILE_SIZES)
    elif STRIP_OFFSETS in entries:
        rows = min(file.value(entries, ROWS_PER_STRIP, height), height)
        count = -(-height // max(rows, 1)) * planes
        tags = (STRIP_OFFSETS, STRIP_SIZES)
    else:
        # Old-style JPEG, or a directory without a picture.
        count, tags = 1, (JPEG_AT, JPEG_SIZE)
    offsets, sizes = (file.values(entries.get(tag), count) for tag in tags)
    ends = map(sum, zip(offsets, sizes, strict=False)) if sizes else offsets
    if max(ends, default=0) > len(file.data):
        raise truncated("inside the picture")
