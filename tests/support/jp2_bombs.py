"""JPEG 2000 files that ask for much; each is refused before a decoder is asked."""

import struct
from collections.abc import Callable

from tests.support.heif_files import box

MILLION = 1_000_000
SIGNATURE = box(b"jP  ", b"\r\n\x87\n") + box(b"ftyp", b"jp2 \0\0\0\0jp2 ")
GRAY_SAMPLE = b"\7\1\1"


def marker(number: int, body: bytes = b"") -> bytes:
    return struct.pack(">HH", number, 2 + len(body)) + body


def size(width: int, height: int, tile: tuple[int, int] = (64, 64), channels: int = 1,
         left: int = 0, sample: bytes = GRAY_SAMPLE) -> bytes:  # fmt: skip
    fields = struct.pack(">HIIIIIIIIH", 0, width, height, left, 0, *tile, 0, 0, channels)
    return marker(0xFF51, fields + sample * channels)


def coding(layers: int = 1, levels: int = 5, block: int = 4, precincts: bytes = b"") -> bytes:
    style = bytes([1 if precincts else 0])
    fields = struct.pack(">BHBBBBBB", 0, layers, 0, levels, block, block, 0, 1)
    return marker(0xFF52, style + fields + precincts)


def part(tile: int = 0, length: int | None = None, header: bytes = b"") -> bytes:
    body = header + b"\xff\x93" + bytes(8)
    whole = 12 + len(body) if length is None else length
    return struct.pack(">HHHIBB", 0xFF90, 10, tile, whole, 0, 1) + body


def stream(*parts: bytes) -> bytes:
    return b"\xff\x4f" + b"".join(parts) + b"\xff\xd9"


def boxed(codestream: bytes, *more: bytes) -> bytes:
    ihdr = box(b"ihdr", struct.pack(">IIHBBBB", 64, 64, 1, 7, 7, 0, 0))
    colr = box(b"colr", b"\1\0\0" + struct.pack(">I", 17))
    return SIGNATURE + box(b"jp2h", ihdr, colr, *more) + box(b"jp2c", codestream)


SMALL = size(64, 64)
TINY_BLOCKS = coding(block=0)

REFUSED: dict[str, Callable[[], bytes]] = {
    "jp2 of 65535x65535": lambda: boxed(stream(size(65_535, 65_535), coding(), part())),
    "jp2 of 4294967295x1": lambda: stream(size(2**32 - 1, 1), coding(), part()),
    "jp2 of 0x0": lambda: stream(size(0, 0), coding(), part()),
    "jp2 of a corner far away": lambda: stream(size(2**32 - 1, 64, left=2**32 - 65), part()),
    "jp2 of 16384 samples": lambda: stream(size(64, 64, channels=16_384), coding(), part()),
    "jp2 of no samples": lambda: stream(size(64, 64, channels=0), coding(), part()),
    "jp2 of 38 bits": lambda: stream(size(64, 64, sample=b"\x25\1\1"), coding(), part()),
    "jp2 of subsampled giants": lambda: stream(size(64, 64, sample=b"\7\xff\xff"), part()),
    "jp2 of tiles of a pixel": lambda: stream(size(13_000, 13_000, (1, 1)), coding(), part()),
    "jp2 of tiles of no pixel": lambda: stream(size(64, 64, (0, 0)), coding(), part()),
    "jp2 of 65535 layers": lambda: stream(SMALL, coding(layers=65_535), part()),
    "jp2 of 255 levels": lambda: stream(SMALL, coding(levels=255), part()),
    "jp2 of tiny code blocks": lambda: stream(
        size(13_000, 13_000, (13_000, 13_000)), TINY_BLOCKS, part()
    ),
    "jp2 of tiny precincts": lambda: stream(
        size(13_000, 13_000, (13_000, 13_000)), coding(precincts=bytes(6)), part()
    ),
    "jp2 of tiny blocks in a tile": lambda: stream(SMALL, coding(), part(header=TINY_BLOCKS)),
    "jp2 of tiny blocks in one sample": lambda: stream(
        SMALL, coding(), marker(0xFF53, bytes(8)), part()
    ),
    "jp2 of a million comments": lambda: stream(SMALL, marker(0xFF64) * MILLION, part()),
    "jp2 of a million parts": lambda: stream(SMALL, coding(), part() * MILLION),
    "jp2 of a part of 4 GB": lambda: stream(SMALL, coding(), part(length=2**32 - 1)),
    "jp2 of a part of one byte": lambda: stream(SMALL, coding(), part(length=1)),
    "jp2 of a tile too many": lambda: stream(SMALL, coding(), part(tile=65_535)),
    "jp2 of a tile too few": lambda: stream(size(128, 64), coding(), part()),
    "jp2 of a million boxes": lambda: boxed(stream(), box(b"free") * MILLION),
    "jp2 of a million boxes before": lambda: SIGNATURE + box(b"free") * MILLION,
    "jp2 of a palette": lambda: boxed(stream(SMALL, part()), box(b"pclr", bytes(1 << 16))),
    "jp2 of sYCC": lambda: boxed(
        stream(SMALL, part()), box(b"colr", b"\1\0\0" + struct.pack(">I", 18))
    ),
}
