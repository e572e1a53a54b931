"""GIF: the walk over its blocks to the trailer.

The decoder gets the first frame alone, meant as Pillow means it: its transparent pixels keep the
colour of their palette entry, what it leaves of the canvas has the palette's first colour, and a
frame that reaches over the canvas enlarges it. If its own codes are all there, nothing that comes
behind it, or fails to, takes anything from it.
"""

import struct
from contextlib import suppress
from dataclasses import dataclass

from batchcls.decode.gif_unended import end_of_pixels
from batchcls.decode.header import (
    Edit,
    Header,
    check_frame,
    check_parts,
    check_size,
    corrupt,
    truncated,
)
from batchcls.errors import ImageError
from batchcls.images import FRAME_MARK

EXTENSION, IMAGE, TRAILER, PADDING = 0x21, 0x2C, 0x3B, 0x00
GRAPHIC_CONTROL = 0xF9
TRANSPARENT = 0x01
TABLE = 0x80
MAX_SIDE = 65_535
MARK_SIZE = 20
"""Of the block that says which frame is meant; see `sources.containers.frames`."""


@dataclass(slots=True)
class _Frame:
    """The first frame: the size its canvas needs, its codes, what says that it is transparent."""

    width: int
    height: int
    pixels: int
    codes_at: int
    end: int
    transparency_at: int | None
    terminator: bytes = b""
    """What ends its sub-blocks, where the file has nothing that does."""


def read(data: bytes, max_pixels: int) -> Header:
    """Header of a GIF file.

    Raises:
        ImageError: truncated, corrupt, too_large.
    """
    if len(data) < 13:
        raise truncated("inside its header")
    at = 13 + _table_size(data[10])
    if data[at : at + 14] == b"\x21\xff\x0b" + FRAME_MARK and len(data) >= at + MARK_SIZE:
        (frame,) = struct.unpack_from("<I", data, at + 15)
        return _later(data, (at, at + MARK_SIZE, b""), frame, max_pixels)
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    check_size(max(width, 1), max(height, 1), max_pixels)
    walk = _Walk()
    try:
        walk.over(data, 13 + _table_size(flags))
    except (IndexError, ImageError) as error:
        too_large = isinstance(error, ImageError) and error.kind == "too_large"
        if too_large or not walk.ended_by_its_codes(data):
            if isinstance(error, ImageError):
                raise
            raise truncated("before the picture does (no trailer)") from None
    frames, first = max(len(walk.ends), 1), walk.first
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
    edits.append((first.end, len(data), bytes([*first.terminator, TRAILER])))
    return Header(
        "gif",
        width,
        height,
        frames=frames,
        channels=1,
        alpha=first.transparency_at is not None,
        edits=tuple(edits),
    )


def _later(data: bytes, mark: Edit, frame: int, max_pixels: int) -> Header:
    """Header of a file of which another frame than the first is meant."""
    walk = _Walk()
    with suppress(IndexError):  # what is there may be enough
        walk.over(data, mark[1])
    width, height = struct.unpack_from("<HH", data, 6)
    if walk.first is None or len(walk.ends) <= frame:
        raise truncated(f"before frame {frame} does")
    width, height = max(width, walk.first.width), max(height, walk.first.height)
    check_size(width, height, max_pixels)
    check_frame(frame, width, height, max_pixels)
    edits = (mark, (walk.ends[frame], len(data), bytes([TRAILER])))
    return Header("gif", width, height, frames=len(walk.ends), frame=frame, channels=1, edits=edits)


class _Walk:
    """The walk over a file's blocks.

    Attributes:
        ends: where each frame that has been passed ends.
        first: the first of them, as soon as it begins.
    """

    def __init__(self) -> None:
        self.ends: list[int] = []
        self.first: _Frame | None = None
        self._transparency_at: int | None = None

    def over(self, data: bytes, at: int) -> None:
        """Walk to the trailer; IndexError where the file ends too early."""
        parts = 0
        while (kind := data[at]) != TRAILER:
            check_parts(parts := parts + 1)
            if kind == IMAGE:
                at = self._frame(data, at)
            elif kind == EXTENSION:
                control = data[at + 1] == GRAPHIC_CONTROL and data[at + 2] >= 4
                if control and data[at + 3] & TRANSPARENT:
                    self._transparency_at = at + 3
                at = _skip_blocks(data, at + 2)
            elif kind == PADDING:
                at += 1
            else:
                raise corrupt(f"an unknown block (0x{kind:02x})")

    def _frame(self, data: bytes, at: int) -> int:
        left, top, width, height = struct.unpack("<HHHH", _bytes(data, at + 1, 8))
        codes_at = at + 10 + _table_size(data[at + 9])
        if self.first is None:
            self.first = _Frame(
                left + width,
                top + height,
                width * height,
                codes_at,
                len(data),
                self._transparency_at,
            )
        at = _skip_blocks(data, codes_at + 1)
        self.ends.append(at)
        self.first.end = self.ends[0]
        return at

    def ended_by_its_codes(self, data: bytes) -> bool:
        """Whether the first frame is all there although the file is not."""
        first = self.first
        if first is None:
            return False
        end = end_of_pixels(data, first.codes_at, first.pixels)
        if end is None:
            return False
        first.end, first.terminator = end, b"\0"
        return True


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
