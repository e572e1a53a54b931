"""JPEG: the walk over its markers to the end of the picture.

A file that ends before all of its scans have begun is truncated. Whether the last one is whole is
not seen here, neither where an EOI follows it nor where none does: see `decode.jpeg_ending`.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import replace

from batchcls.decode.exif import EXIF, upright
from batchcls.decode.header import (
    READ,
    Header,
    Unended,
    check_parts,
    check_size,
    corrupt,
    truncated,
)
from batchcls.decode.jpeg_scans import Scans
from batchcls.errors import ImageError

SOI, EOI, SOS, DRI, APP1 = 0xD8, 0xD9, 0xDA, 0xDD, 0xE1
PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
LOSSLESS_LS = 0xF7  # SOF55, of JPEG-LS
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC} | {
    LOSSLESS_LS
}  # SOFn; not DHT, JPG, DAC
ALONE = frozenset({0x01, SOI, *range(0xD0, 0xD8)})  # markers without a length
XMP = b"http://ns.adobe.com/xap/1.0/\0"
NEXT_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")

LONG, BLOCK = 1 << 12, 1 << 20
"""Bytes from which on searching by blocks is faster, and of a block."""

MAX_SEGMENTS = 5000


def read(data: bytes, max_pixels: int) -> Header:
    """Header of a JPEG file.

    Raises:
        ImageError: truncated, corrupt, too_large.
    """
    walk = _Walk(max_pixels)
    walk.over(data)
    header, scans = walk.header, walk.scans
    if header is None or not scans.count:
        raise corrupt("no picture between its markers")
    if scans.missing:
        raise truncated("before all colour components have come")
    header = replace(header, orientation=upright(walk.exif, walk.xmp), exif=walk.exif)
    if not walk.ended:
        return replace(header, unended=Unended(scans.data_at, scans.restarts))
    # What comes behind is another picture (phones put a preview there), or nothing of ours.
    return replace(header, edits=((walk.end, len(data), b""),) if walk.end < len(data) else ())


class _Walk:
    """What the segments so far have said.

    Attributes:
        header: of the picture, once it has come.
        scans: that have begun.
        exif: the first EXIF segment, and what further ones add behind it, as Pillow has it.
        xmp: the last packet of XMP.
        ended: by an end marker.
        end: of the last segment.
    """

    def __init__(self, max_pixels: int) -> None:
        self._max_pixels = max_pixels
        self.header: Header | None = None
        self.scans = Scans()
        self.exif, self.xmp = b"", b""
        self.ended = False
        self.end = 0

    def over(self, data: bytes) -> None:
        """Walk to the end marker, or to where it should have come.

        Raises:
            ImageError: it should not have come yet.
        """
        try:
            for marker, segment, end in _segments(data):
                if marker == SOI:  # another picture, in place of this one's end
                    if self.scans.complete:
                        return
                    continue
                self._segment(marker, segment, end)
        except ImageError as error:
            if error.kind == "too_large" or not self.scans.complete:
                raise
        else:
            self.ended = True

    def _segment(self, marker: int, segment: bytes, end: int) -> None:
        self.end = end
        if marker == APP1:
            if segment.startswith(EXIF):
                self.exif += segment[len(EXIF) :] if self.exif else segment
            elif segment.startswith(XMP):
                self.xmp = segment[len(XMP) :]
        elif marker in FRAMES and self.header is None:
            if marker == LOSSLESS_LS:
                raise ImageError("not_image", f"not {READ}, but JPEG-LS")
            self.header = _frame(segment, self._max_pixels)
            components = {
                segment[6 + 3 * n]: (segment[7 + 3 * n] >> 4 or 1, segment[7 + 3 * n] & 15 or 1)
                for n in range(self.header.channels)
            }
            size = self.header.width, self.header.height
            self.scans.picture(size, components, progressive=marker in PROGRESSIVE)
        elif marker == DRI and len(segment) >= 2:
            self.scans.interval = int.from_bytes(segment[:2], "big")
        elif marker == SOS:
            self.scans.begin(segment, end)


def _segments(data: bytes) -> Iterator[tuple[int, bytes, int]]:
    """Markers, what belongs to them and where that ends, up to the end marker.

    Scans' data are skipped.
    """
    at = 2
    parts = 0
    while True:
        check_parts(parts := parts + 1, MAX_SEGMENTS)
        found = NEXT_MARKER.search(data, _past_pixels(data, at))
        if not found:
            raise truncated("before the picture does (no end marker)")
        at = found.end()
        marker = data[at - 1]
        if marker == EOI:
            yield EOI, b"", at
            return
        if marker in ALONE:
            if marker == SOI:
                yield SOI, b"", at
            continue
        length = int.from_bytes(data[at : at + 2], "big")
        if at + max(length, 2) > len(data):
            raise truncated("inside a segment")
        if length < 2:
            raise corrupt("a segment without a length")
        yield marker, data[at + 2 : at + length], at + length
        at += length


def _past_pixels(data: bytes, at: int) -> int:
    """Where a marker can be next: the same as `at`, but for long stretches of a scan's data.

    There every 256th byte is 0xFF with a zero behind it, at which the expression would stop each
    time: 30 microseconds for a photo of 100 KB, 13 so.
    """
    if len(data) - at < LONG or data[at] == 0xFF:
        return at
    import numpy as np  # not above: the coordinator imports this package, and reads no picture

    while at + 1 < len(data):
        block = np.frombuffer(data, np.uint8, min(BLOCK, len(data) - at), at)
        found = block[:-1] == 0xFF
        found &= block[1:] != 0
        first = int(found.argmax())
        if found[first]:
            return at + first
        at += len(found)
    return at


def _frame(segment: bytes, max_pixels: int) -> Header:
    """Header from a start-of-frame segment."""
    if len(segment) < 6 or len(segment) < 6 + 3 * segment[5]:
        raise corrupt("a frame header that is too short")
    bits, height, width, channels = struct.unpack_from(">BHHB", segment)
    check_size(width, height, max_pixels)
    if channels not in (1, 3, 4):
        raise corrupt(f"{channels} colour components")
    return Header("jpeg", width, height, bits=bits, channels=channels)
