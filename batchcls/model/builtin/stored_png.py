"""Writes PNG files that are the same on every machine: stored, not compressed.

zlib's output may change between versions; what it only stores does not.
"""

import struct
import zlib

GRAY, RGB, RGBA = 0, 2, 6
"""Colour types (PNG specification, section 11.2.2)."""


def stored_png(size: tuple[int, int], depth: int, colour_type: int, rows: bytes) -> bytes:
    """A whole file.

    Args:
        size: (width, height).
        depth: bits per sample, 8 or 16.
        colour_type: see above.
        rows: samples of all rows, each row behind a byte 0 (no filter); 16-bit ones big-endian.
    """
    header = struct.pack(">IIBBBBB", *size, depth, colour_type, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, level=0)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, body) for kind, body in chunks)


def _chunk(kind: bytes, body: bytes) -> bytes:
    """Length, kind, body, CRC-32 of kind and body (PNG specification, section 5.3)."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
