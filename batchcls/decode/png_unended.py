"""Ends a PNG that lacks its end, where its pixels are all there; zlib's checksum says whether."""

import struct
import zlib

from batchcls.decode.header import Edit

ANCILLARY = 0x20
BLOCK = 1 << 20


def completed(data: bytes, at_most: int) -> list[Edit] | None:
    """Edits that leave the critical chunks, one IDAT with all pixels, and IEND.

    Args:
        data: a PNG file whose chunks do not lead to IEND.
        at_most: bytes that its pixels can have.

    Returns:
        None where pixels are missing.
    """
    edits: list[Edit] = []
    kept_to = 8
    parts: list[bytes] = []
    at = 8
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        if kind == b"IDAT":
            parts.append(data[at + 8 : min(at + 8 + length, len(data))])
        elif parts:
            break
        elif not kind[0] & ANCILLARY:
            if kept_to < at:
                edits.append((kept_to, at, b""))
            kept_to = at + 12 + length
        at += 12 + length
    stream = b"".join(parts)
    size = _whole(stream, at_most)
    if size is None:
        return None
    ending = _chunk(b"IDAT", stream[:size]) + _chunk(b"IEND", b"")
    return [*edits, (kept_to, len(data), ending)]


def _whole(stream: bytes, at_most: int) -> int | None:
    """How long a zlib stream is, up to its checksum; None where that does not come, or is wrong."""
    inflater = zlib.decompressobj()
    rest, size = stream, 0
    try:
        while rest and not inflater.eof:
            size += len(inflater.decompress(rest, BLOCK))
            if size > at_most:
                return None
            rest = inflater.unconsumed_tail
    except zlib.error:
        return None
    return len(stream) - len(inflater.unused_data) if inflater.eof else None


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)
