"""PNG: the walk over its chunks to IEND.

Only the critical chunks go on to the decoder: ancillary ones (compressed texts and colour
profiles, animation, EXIF) change no pixel here, and are where bombs hide.
"""

import struct
from collections.abc import Iterator

from batchcls.decode.exif import orientation
from batchcls.decode.header import (
    Edit,
    Header,
    check_parts,
    check_size,
    corrupt,
    truncated,
)

CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type
ANCILLARY = 0x20  # of the first letter: lower case
MAX_CHUNK = (1 << 31) - 1


def read(data: bytes, max_pixels: int) -> Header:
    """Header of a PNG file.

    Raises:
        ImageError: truncated, corrupt, too_large.
    """
    width, height, bits, colour = _first_chunk(data)
    check_size(width, height, max_pixels)
    if colour not in CHANNELS:
        raise corrupt(f"colour type {colour}")
    frames, upright, alpha, picture = 1, 1, colour >= 4, False
    edits: list[Edit] = []
    for kind, start, end in _chunks(data):
        if kind == b"IDAT":
            picture = True
        elif kind == b"acTL" and end - start >= 16:
            (frames,) = struct.unpack_from(">I", data, start + 8)
        elif kind == b"eXIf":
            upright = orientation(data[start + 8 : end - 4])
        elif kind == b"tRNS":
            alpha = True
        if kind[0] & ANCILLARY:
            _drop(edits, start, end)
    if not picture:
        raise corrupt("no picture between its chunks")
    return Header(
        "png",
        width,
        height,
        frames=max(frames, 1),
        bits=bits,
        channels=CHANNELS[colour],
        alpha=alpha,
        orientation=upright,
        edits=tuple(edits),
    )


def _first_chunk(data: bytes) -> tuple[int, int, int, int]:
    """Width, height, bits and colour type from IHDR."""
    if len(data) < 33:
        raise truncated("inside its header")
    kind, width, height, bits, colour = struct.unpack_from(">4sIIBB", data, 12)
    if kind == b"CgBI":
        raise corrupt("Apple's own variant of PNG, which no other decoder reads")
    if kind != b"IHDR":
        raise corrupt("no IHDR chunk at its beginning")
    return width, height, bits, colour


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Kind, start and end of every chunk before IEND, which must be there."""
    at = 8
    parts = 0
    while True:
        check_parts(parts := parts + 1)
        if at + 12 > len(data):
            raise truncated("before the picture does (no IEND chunk)")
        length, kind = struct.unpack_from(">I4s", data, at)
        if length > MAX_CHUNK:
            raise corrupt("a chunk of impossible length")
        end = at + 12 + length
        if end > len(data):
            raise truncated("inside a chunk")
        if kind == b"IEND":
            return
        yield kind, at, end
        at = end


def _drop(edits: list[Edit], start: int, end: int) -> None:
    """Note a chunk to leave out, together with its neighbour before it."""
    if edits and edits[-1][1] == start:
        start = edits.pop()[0]
    edits.append((start, end, b""))
