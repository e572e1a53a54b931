"""GIF: the walk over its blocks to the trailer.

The decoder gets the first frame alone, meant as Pillow means it: its transparent pixels keep the
colour of their palette entry, what it leaves of the canvas has the palette's first colour, and a
frame that reaches over the canvas enlarges it.
"""

import struct
from dataclasses import dataclass

from batchcls.decode.header import (
    Edit,
    Header,
    check_parts,
    check_size,
    corrupt,
    truncated,
)

EXTENSION, IMAGE, TRAILER, PADDING = 0x21, 0x2C, 0x3B, 0x00
GRAPHIC_CONTROL = 0xF9
TRANSPARENT = 0x01
TABLE = 0x80
MAX_SIDE = 65_535


@dataclass(slots=True)
class _Frame:
    """The first frame: the size its canvas needs, where it ends, where its transparency is told."""

    width: int
    height: int
    end: int
    transparency_at: int | None


def read(data: bytes, max_pixels: int) -> Header:
    """Header of a GIF file.

    Raises:
        ImageError: truncated, corrupt, too_large.
    """
    if len(data) < 13:
        raise truncated("inside its header")
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    check_size(max(width, 1), max(height, 1), max_pixels)
    try:
        frames, first = _walk(data, 13 + _table_size(flags))
    except IndexError:
        raise truncated("before the picture does (no trailer)") from None
    if first is None:
        raise corrupt("no picture between its blocks")
    width, height = max(width, first.width), max(height, first.height)
    if max(width, height) > MAX_SIDE:
        raise corrupt("a frame that no canvas can hold")
    check_size(width, height, max_pixels)
    edits: list[Edit] = [(6, 10, struct.pack("<HH", width, height)), (11, 12, b"\0")]
    if first.transparency_at is not None:
        at = first.transparency_at
        edits.append((at, at + 1, bytes([data[at] & ~TRANSPARENT])))
    edits.append((first.end, len(data), bytes([TRAILER])))
    return Header(
        "gif",
        width,
        height,
        frames=frames,
        channels=1,
        alpha=first.transparency_at is not None,
        edits=tuple(edits),
    )


def _walk(data: bytes, at: int) -> tuple[int, _Frame | None]:
    """Number of frames and the first of them; IndexError where the file ends too early."""
    frames = parts = 0
    first: _Frame | None = None
    transparency_at: int | None = None
    while (kind := data[at]) != TRAILER:
        check_parts(parts := parts + 1)
        if kind == IMAGE:
            left, top, width, height = struct.unpack("<HHHH", _bytes(data, at + 1, 8))
            flags = data[at + 9]
            at = _skip_blocks(data, at + 10 + _table_size(flags) + 1)
            frames += 1
            if first is None:
                first = _Frame(left + width, top + height, at, transparency_at)
        elif kind == EXTENSION:
            if data[at + 1] == GRAPHIC_CONTROL and data[at + 2] >= 4 and data[at + 3] & TRANSPARENT:
                transparency_at = at + 3
            at = _skip_blocks(data, at + 2)
        elif kind == PADDING:
            at += 1
        else:
            raise corrupt(f"an unknown block (0x{kind:02x})")
    return frames, first


def _skip_blocks(data: bytes, at: int) -> int:
    """Where a chain of sub-blocks ends."""
    while size := data[at]:
        at += size + 1
    return at + 1


def _bytes(data: bytes, at: int, count: int) -> bytes:
    found = data[at : at + count]
    if len(found) < count:
        raise IndexError
    return found


def _table_size(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & TABLE else 0
