"""EXIF by hand: directories of a TIFF structure, right or wrong as a test wants them."""

import struct
import zlib
from collections.abc import Mapping, Sequence

from batchcls.decode.header import edited
from batchcls.decode.tiff_directory import TiffFile

Value = bytes | Sequence[tuple[int, int]]
"""A text, or rationals."""
Tags = Mapping[int, Value]

EXIF_AT, GPS_AT = 0x8769, 0x8825


def block(
    first: Tags, exif: Tags | None = None, gps: Tags | None = None, order: str = "<"
) -> bytes:
    """A block with a first directory and those to which it points."""
    body = bytearray((b"II*\0" if order == "<" else b"MM\0*") + bytes(4))
    pointers = {
        tag: _directory(body, tags, {}, order)
        for tag, tags in ((EXIF_AT, exif), (GPS_AT, gps))
        if tags is not None
    }
    at = _directory(body, first, pointers, order)
    struct.pack_into(order + "I", body, 4, at)
    return bytes(body)


def in_tiff(tiff: bytes, first: Tags, exif: Tags, gps: Tags) -> bytes:
    """A little-endian TIFF with these in and below its first directory."""
    body = bytearray(tiff)
    below = {EXIF_AT: _directory(body, exif, {}, "<"), GPS_AT: _directory(body, gps, {}, "<")}
    file = TiffFile(bytes(body))
    entries, _ = file.directory(file.offset(file.first_at))
    fields = {tag: (entry.kind, entry.count, file.raw(entry)) for tag, entry in entries.items()}
    fields |= {tag: file.longs([at]) for tag, at in below.items()}
    fields |= {tag: (2, len(text), text) for tag, text in first.items() if isinstance(text, bytes)}
    return edited(file.data, file.appended(fields))


def _directory(body: bytearray, tags: Tags, pointers: Mapping[int, int], order: str) -> int:
    entries = [(tag, 4, 1, struct.pack(order + "I", at)) for tag, at in pointers.items()]
    for tag, value in tags.items():
        if isinstance(value, bytes):
            kind, count, content = 2, len(value), value
        else:
            kind, count = 5, len(value)
            content = b"".join(struct.pack(order + "II", *pair) for pair in value)
        if len(content) > 4:
            at = len(body)
            body += content
            content = struct.pack(order + "I", at)
        entries.append((tag, kind, count, content.ljust(4, b"\0")))
    at = len(body)
    body += struct.pack(order + "H", len(entries))
    for tag, kind, count, content in sorted(entries):
        body += struct.pack(order + "HHI", tag, kind, count) + content
    body += bytes(4)
    return at


def in_jpeg(jpeg: bytes, exif: bytes) -> bytes:
    """A JPEG with it."""
    segment = b"Exif\0\0" + exif
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + jpeg[2:]


def in_png(png: bytes, exif: bytes) -> bytes:
    """A PNG with it."""
    chunk = b"eXIf" + exif
    crc = struct.pack(">I", zlib.crc32(chunk))
    return png[:33] + struct.pack(">I", len(exif)) + chunk + crc + png[33:]


def in_webp(webp: bytes, exif: bytes) -> bytes:
    """A WebP with it."""
    whole = webp + b"EXIF" + struct.pack("<I", len(exif)) + exif + bytes(len(exif) & 1)
    return whole[:4] + struct.pack("<I", len(whole) - 8) + whole[8:]
