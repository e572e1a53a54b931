"""Files that are small, or look harmless, and ask for much: built from struct and zlib.

Run as a program, it decodes each in its own process's one go and prints what it cost.
"""

import json
import struct
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MB = 1 << 20


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, bits: int, colour: int, raw: bytes, extra: bytes = b"") -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
    idat = chunk(b"IDAT", zlib.compress(raw))
    return SIGNATURE + header + extra + idat + chunk(b"IEND", b"")


def png_of_zeros() -> bytes:
    """1 bit, 14,000 x 14,000, all of it there: 1000:1."""
    return png(14_000, 14_000, 1, 0, bytes(1751 * 14_000))


TINY = bytes(1 + 3)  # one row of one RGB pixel


def png_with(kind: bytes, body: bytes) -> bytes:
    return png(1, 1, 8, 2, TINY, chunk(kind, body))


def gif(width: int, height: int, frames: bytes) -> bytes:
    table = bytes(6)
    return b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + table + frames + b";"


def gif_frame(width: int, height: int, codes: bytes = b"\x02\x02\x44\x01\x00") -> bytes:
    return b"\x2c" + struct.pack("<HHHHB", 0, 0, width, height, 0) + codes


def riff(body: bytes) -> bytes:
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def riff_chunk(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("<I", len(body)) + body + b"\0" * (len(body) & 1)


def vp8x(width: int, height: int, flags: int) -> bytes:
    return riff_chunk(
        b"VP8X",
        struct.pack("<I", flags)
        + (width - 1).to_bytes(3, "little")
        + (height - 1).to_bytes(3, "little"),
    )


def segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


def frame(marker: int, width: int, height: int) -> bytes:
    return segment(marker, struct.pack(">BHHB", 8, height, width, 1) + b"\x01\x11\x00")


SCAN = segment(0xDA, b"\x01\x01\x00\x00\x3f\x00")
AC_SCAN = segment(0xDA, b"\x01\x01\x00\x01\x3f\x00")


def jpeg(*parts: bytes) -> bytes:
    return b"\xff\xd8" + b"".join(parts) + b"\xff\xd9"


def bmp(width: int, height: int, bits: int, compression: int) -> bytes:
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, compression, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54 + 64, 0, 0, 54) + header + bytes(64)


def ifd(*entries: tuple[int, int, int, int], following: int = 0) -> bytes:
    return (
        struct.pack("<H", len(entries))
        + b"".join(struct.pack("<HHII", *entry) for entry in sorted(entries))
        + struct.pack("<I", following)
    )


def tiff(*entries: tuple[int, int, int, int], following: int = 0) -> bytes:
    return b"II*\0" + struct.pack("<I", 8) + ifd(*entries, following=following) + bytes(64)


def strips(width: int, height: int, rows: int, *more: tuple[int, int, int, int]) -> bytes:
    return tiff(
        (256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1),
        (273, 4, 1, 8), (277, 3, 1, 1), (278, 4, 1, rows), (279, 4, 1, 16), *more,
    )  # fmt: skip


PAGE = (
    (256, 4, 1, 1), (257, 4, 1, 1), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (273, 4, 1, 4),
    (277, 3, 1, 1), (278, 4, 1, 1), (279, 4, 1, 1),
)  # fmt: skip


def tiff_of_pages(pages: int) -> bytes:
    size = len(ifd(*PAGE))
    last = pages - 1
    return b"II*\0" + struct.pack("<I", 8) + b"".join(
        ifd(*PAGE, following=0 if page == last else 8 + size * (page + 1)) for page in range(pages)
    )  # fmt: skip


REFUSED: dict[str, Callable[[], bytes]] = {
    "png 65500x65500 of 1 bit": lambda: png(65_500, 65_500, 1, 0, b""),
    "png 65535x65535 of 4x16 bits": lambda: png(65_535, 65_535, 16, 6, b""),
    "png 2147483647x1": lambda: png(2**31 - 1, 1, 8, 2, b""),
    "png of zeros 1000:1": png_of_zeros,
    "png of a million texts": lambda: SIGNATURE
    + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0))
    + chunk(b"tEXt", b"a\0b") * 1_000_000,
    "png with a chunk of 4 GB": lambda: SIGNATURE
    + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0))
    + b"\xff\xff\xff\xffIDAT" + bytes(64),
    "gif canvas 65535x65535": lambda: gif(65_535, 65_535, gif_frame(1, 1)),
    "gif frame 65535x65535": lambda: gif(1, 1, gif_frame(65_535, 65_535)),
    "gif of a million extensions": lambda: gif(
        1, 1, b"\x21\xfe\x00" * 1_000_000 + gif_frame(1, 1)
    ),
    "gif of a million frames": lambda: gif(1, 1, gif_frame(1, 1) * 1_000_000),
    "webp canvas 16777216x16777216": lambda: riff(
        vp8x(1 << 24, 1 << 24, 0) + riff_chunk(b"VP8L", b"\x2f")
    ),
    "webp lossless 16384x16384": lambda: riff(
        riff_chunk(b"VP8L", b"\x2f\xff\xff\xff\x0f" + bytes(32))
    ),
    "webp lossy 16383x16383": lambda: riff(
        riff_chunk(b"VP8 ", b"\x10\0\0\x9d\x01\x2a\xff\x3f\xff\x3f" + bytes(32))
    ),
    "webp of a million chunks": lambda: riff(vp8x(1, 1, 0) + riff_chunk(b"ABCD", b"") * 1_000_000),
    "jpeg 65500x65500": lambda: jpeg(frame(0xC0, 65_500, 65_500), SCAN),
    "jpeg 65500x65500 lossless": lambda: jpeg(frame(0xC3, 65_500, 65_500), SCAN),
    "jpeg of 10,000 scans": lambda: jpeg(frame(0xC2, 8000, 8000), SCAN, AC_SCAN * 10_000),
    "jpeg of a million comments": lambda: jpeg(
        segment(0xFE, b"") * 1_000_000, frame(0xC0, 8, 8), SCAN
    ),
    "jpeg of 255 colours": lambda: jpeg(
        segment(0xC0, struct.pack(">BHHB", 8, 8, 8, 255) + b"\x01\x11\x00" * 255), SCAN
    ),
    "bmp 2147483647x2147483647": lambda: bmp(2**31 - 1, 2**31 - 1, 24, 0),
    "bmp of height -2147483648": lambda: bmp(1, -(2**31), 1, 0),
    "bmp of run lengths 60000x60000": lambda: bmp(60_000, 60_000, 8, 1),
    "bmp of width -1": lambda: bmp(-1, 1, 24, 0),
    "tiff 4294967295x4294967295": lambda: strips(2**32 - 1, 2**32 - 1, 1),
    "tiff 65500x65500": lambda: strips(65_500, 65_500, 65_500),
    "tiff tile of 65520x65520": lambda: tiff(
        (256, 4, 1, 16), (257, 4, 1, 16), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1),
        (277, 3, 1, 1), (322, 4, 1, 65_520), (323, 4, 1, 65_520), (324, 4, 1, 8), (325, 4, 1, 16),
    ),
    "tiff of 65535 samples": lambda: strips(100, 100, 100, (277, 3, 1, 65_535)),
    "tiff of directories in a loop": lambda: tiff((256, 4, 1, 1), following=8),
    "tiff of 4 G strips": lambda: strips(1, 1, 1).replace(
        struct.pack("<HHII", 273, 4, 1, 8), struct.pack("<HHII", 273, 4, 2**32 - 1, 64)
    ),
    "big tiff of 2^61 entries": lambda: b"II+\0\x08\0\0\0"
    + struct.pack("<QQ", 16, 2**61) + bytes(64),
    "big tiff far away": lambda: b"II+\0\x08\0\0\0" + struct.pack("<Q", 2**64 - 1),
    "radiance hdr as .jpg": lambda: b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 30000 +X 30000\n",
    "pnm 30000x30000": lambda: b"P6 30000 30000 255\n" + bytes(64),
    "sun raster": lambda: b"\x59\xa6\x6a\x95" + bytes(64),
    "svg": lambda: b"<svg xmlns='http://www.w3.org/2000/svg' width='1e9' height='1e9'/>",
}  # fmt: skip
"""Never reach a decoder."""

HARMLESS: dict[str, Callable[[], bytes]] = {
    "png with 64 MB of compressed text": lambda: png_with(
        b"zTXt", b"a\0\0" + zlib.compress(bytes(64 * MB))
    ),
    "png with 64 MB of colour profile": lambda: png_with(
        b"iCCP", b"a\0\0" + zlib.compress(bytes(64 * MB))
    ),
    "png with 64 MB of other text": lambda: png_with(
        b"iTXt", b"a\0\1\0\0\0" + zlib.compress(bytes(64 * MB))
    ),
    "png of 4 G frames": lambda: png_with(b"acTL", b"\xff\xff\xff\xff\0\0\0\0"),
    "gif of 10,000 frames": lambda: gif(1, 1, gif_frame(1, 1) * 10_000),
    "tiff of 100,000 pages": lambda: tiff_of_pages(100_000),
}  # fmt: skip
"""Decode to their one small picture, and cost no more than that."""


def peak_kb() -> int:
    """This process's highest resident memory, KiB."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0])


def cost(path: Path) -> dict[str, object]:
    """What decoding a file costs this process, whose decoders are loaded already."""
    from batchcls.decode.decode import decode
    from batchcls.errors import ImageError

    data = path.read_bytes()
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts again from here
    before = peak_kb()
    seconds = []
    for _ in range(7):  # the least of seven: other processes only ever add to it
        started = time.process_time()
        try:
            outcome = "x".join(map(str, decode(data).shape))
        except ImageError as error:
            outcome = error.kind
        seconds.append(time.process_time() - started)
    return {
        "outcome": outcome,
        "ms": min(seconds) * 1e3,
        "mb": (peak_kb() - before) / 1024,
    }


def main() -> None:
    from batchcls.decode import limits

    limits.apply()
    import cv2

    cv2.setNumThreads(1)
    json.dump({path: cost(Path(path)) for path in sys.argv[1:]}, sys.stdout)


if __name__ == "__main__":
    main()
