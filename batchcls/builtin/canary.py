"""Draws the canary: an image file so plain that a worker which it kills is itself at fault.

1. The bytes are made here from the standard library, so no disk, mount or decoder is involved.
2. The same bytes every time on every machine: stored, not compressed, since zlib's output may
   change between versions.
"""

import struct
import zlib
from functools import cache

SIDE = 64


@cache
def canary_image() -> bytes:
    """A valid PNG file, 64 x 64, 8-bit RGB: a colour ramp with a checked square in its middle."""
    header = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)
    rows = b"".join(b"\x00" + b"".join(_pixel(x, y) for x in range(SIDE)) for y in range(SIDE))
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, level=0)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, body) for kind, body in chunks)


def _pixel(x: int, y: int) -> bytes:
    middle = range(SIDE // 4, SIDE - SIDE // 4)
    if x in middle and y in middle:
        return b"\xf0\xf0\xf0" if (x // 8 + y // 8) % 2 else b"\x18\x18\x18"
    return bytes((40 + 3 * x, 40 + 3 * y, 160))


def _chunk(kind: bytes, body: bytes) -> bytes:
    """Length, kind, body, CRC-32 of kind and body (PNG specification, section 5.3)."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
