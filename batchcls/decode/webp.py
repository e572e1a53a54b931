"""WebP: the walk over its RIFF chunks. Only the first frame of an animation is ever decoded."""

import struct
from dataclasses import replace

from batchcls.decode.exif import orientation
from batchcls.decode.header import Header, check_parts, check_size, corrupt, truncated

ALPHA = 0x10  # of the flags in VP8X


def read(data: bytes, max_pixels: int) -> Header:
    """Header of a WebP file.

    Raises:
        ImageError: truncated, corrupt, too_large.
    """
    if len(data) < 20:
        raise truncated("inside its header")
    end = 8 + int.from_bytes(data[4:8], "little")
    first = data[12:16]
    header = _first_chunk(first, data)
    check_size(header.width, header.height, max_pixels)
    if end > len(data):
        raise truncated("before the picture does (shorter than its RIFF header says)")
    frames, picture, upright = 0, first != b"VP8X", 1
    at = 12
    parts = 0
    while at + 8 <= end:
        check_parts(parts := parts + 1)
        kind, length = struct.unpack_from("<4sI", data, at)
        stop = at + 8 + length
        if stop > end:
            raise corrupt("a chunk that is longer than the file")
        frames += kind == b"ANMF"
        picture = picture or kind in (b"VP8 ", b"VP8L", b"ANMF")
        if kind == b"EXIF":
            upright = orientation(data[at + 8 : stop])
        at = stop + (length & 1)
    if not picture:
        raise corrupt("no picture between its chunks")
    return replace(header, frames=max(frames, 1), orientation=upright)


def _first_chunk(kind: bytes, data: bytes) -> Header:
    if len(data) < 30:
        raise truncated("inside its header")
    if kind == b"VP8X":
        width = int.from_bytes(data[24:27], "little") + 1
        height = int.from_bytes(data[27:30], "little") + 1
        return _header(width, height, alpha=bool(data[20] & ALPHA))
    if kind == b"VP8L":
        if data[20] != 0x2F:
            raise corrupt("no lossless picture in it")
        packed = int.from_bytes(data[21:25], "little")
        return _header(
            (packed & 0x3FFF) + 1, (packed >> 14 & 0x3FFF) + 1, alpha=bool(packed >> 28 & 1)
        )
    if kind == b"VP8 ":
        if data[23:26] != b"\x9d\x01\x2a":
            raise corrupt("no key frame in it")
        width, height = struct.unpack_from("<HH", data, 26)
        return _header(width & 0x3FFF, height & 0x3FFF, alpha=False)
    raise corrupt(f"an unknown first chunk {kind!r}")


def _header(width: int, height: int, *, alpha: bool) -> Header:
    return Header("webp", width, height, channels=4 if alpha else 3, alpha=alpha)
