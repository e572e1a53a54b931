"""JPEG: the walk over its markers to the end of the picture.

A file that ends before the EOI marker is truncated. So is one in which a component of the picture
has no scan. An EOI put behind half a scan is not seen here: see `batchcls.decode.decode`.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import replace

from batchcls.decode.exif import orientation
from batchcls.decode.header import Header, check_parts, check_size, corrupt, truncated
from batchcls.errors import ImageError

SOI, EOI, SOS, APP1 = 0xD8, 0xD9, 0xDA, 0xE1
PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # SOFn; not DHT, JPG, DAC
ALONE = frozenset({0x01, SOI, *range(0xD0, 0xD8)})  # markers without a length
EXIF = b"Exif\0\0"
NEXT_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")

LONG, BLOCK = 1 << 12, 1 << 20
"""Bytes from which on searching by blocks is faster, and of a block."""

MAX_SEGMENTS = 5000
MAX_SCANS = 200
"""Each scan of a progressive picture goes over all of it; encoders write about ten."""


def read(data: bytes, max_pixels: int) -> Header:
    """Header of a JPEG file.

    Raises:
        ImageError: truncated, corrupt, too_large.
    """
    header: Header | None = None
    upright = 1
    missing: set[int] = set()
    progressive = False
    scans = 0
    picture_end = 0
    for marker, segment, end in _segments(data):
        if marker == APP1 and segment.startswith(EXIF):
            upright = orientation(segment)
        elif marker in FRAMES and header is None:
            header = _frame(segment, max_pixels)
            missing = {segment[6 + 3 * i] for i in range(header.channels)}
            progressive = marker in PROGRESSIVE
        elif marker == SOS:
            scans += 1
            missing -= _whole_in_scan(segment, progressive=progressive)
            if scans > MAX_SCANS:
                raise ImageError("too_large", f"more than {MAX_SCANS} scans")
        picture_end = end
    if header is None or not scans:
        raise corrupt("no picture between its markers")
    if missing:
        raise truncated("before all colour components have come")
    # What comes behind is another picture (phones put a preview there), or nothing of ours.
    edits = ((picture_end, len(data), b""),) if picture_end < len(data) else ()
    return replace(header, orientation=upright, edits=edits)


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


def _whole_in_scan(segment: bytes, *, progressive: bool) -> set[int]:
    """Components of which this scan has the base: all of it, or the last bit of DC."""
    count = segment[0] if segment else 0
    if len(segment) < 1 + 2 * count + 3:
        raise corrupt("a scan header that is too short")
    start, _, bits = segment[1 + 2 * count : 4 + 2 * count]
    if progressive and (start != 0 or bits & 15):
        return set()
    return {segment[1 + 2 * i] for i in range(count)}
