"""A camera's raw file (DNG) put together by hand: a sensor's mosaic, and previews beside it."""

import struct

SHORT, LONG, BYTE, ASCII = 3, 4, 1, 2
FORMS = {SHORT: "H", LONG: "I", BYTE: "B", ASCII: "B"}
CFA, YCBCR, RGB = 32803, 6, 2
SIDE = 64
"""Of the mosaic, pixels."""

Entries = dict[int, tuple[int, list[int]]]


def dng(preview: bytes = b"", pixels: bytes = b"", size: tuple[int, int] = (0, 0),
        orientation: int = 1) -> bytes:  # fmt: skip
    """A DNG with a JPEG preview, or one of plain RGB pixels, or none.

    Args:
        preview: a JPEG.
        pixels: rows of red, green and blue, instead.
        size: width and height of these.
        orientation: of the whole, EXIF's.
    """
    body = bytearray(b"II*\0\0\0\0\0")

    def put(content: bytes) -> int:
        body.extend(bytes(len(body) & 1))
        body.extend(content)
        return len(body) - len(content)

    mosaic = struct.pack(f"<{SIDE * SIDE}H", *(value % 4096 for value in range(SIDE * SIDE)))
    raw: Entries = {
        254: (LONG, [0]), 256: (LONG, [SIDE]), 257: (LONG, [SIDE]), 258: (SHORT, [16]),
        259: (SHORT, [1]), 262: (SHORT, [CFA]), 273: (LONG, [put(mosaic)]), 277: (SHORT, [1]),
        278: (LONG, [SIDE]), 279: (LONG, [len(mosaic)]), 33421: (SHORT, [2, 2]),
        33422: (BYTE, [0, 1, 1, 2]),
    }  # fmt: skip
    subs = [_directory(body, raw)]
    first: Entries = {
        254: (LONG, [1]), 271: (ASCII, [*b"Maker\0"]), 272: (ASCII, [*b"Model\0"]),
        274: (SHORT, [orientation]), 50706: (BYTE, [1, 4, 0, 0]), 50708: (ASCII, [*b"Model\0"]),
    }  # fmt: skip
    if pixels:
        first |= {
            256: (LONG, [size[0]]), 257: (LONG, [size[1]]), 258: (SHORT, [8, 8, 8]),
            259: (SHORT, [1]), 262: (SHORT, [RGB]), 273: (LONG, [put(pixels)]),
            277: (SHORT, [3]), 278: (LONG, [size[1]]), 279: (LONG, [len(pixels)]),
        }  # fmt: skip
    if preview:
        jpeg: Entries = {
            254: (LONG, [1]), 256: (LONG, [size[0]]), 257: (LONG, [size[1]]),
            258: (SHORT, [8, 8, 8]), 259: (SHORT, [7]), 262: (SHORT, [YCBCR]),
            273: (LONG, [put(preview)]), 277: (SHORT, [3]), 278: (LONG, [size[1]]),
            279: (LONG, [len(preview)]),
        }  # fmt: skip
        subs.append(_directory(body, jpeg))
    first[330] = (LONG, subs)
    struct.pack_into("<I", body, 4, _directory(body, first))
    return bytes(body)


def _directory(body: bytearray, entries: Entries) -> int:
    """Append a directory, and say where it is."""
    fields = b""
    for tag, (kind, values) in sorted(entries.items()):
        content = struct.pack(f"<{len(values)}{FORMS[kind]}", *values)
        if len(content) > 4:
            body.extend(bytes(len(body) & 1))
            at = len(body)
            body.extend(content)
            content = struct.pack("<I", at)
        fields += struct.pack("<HHI", tag, kind, len(values)) + content.ljust(4, b"\0")
    body.extend(bytes(len(body) & 1))
    at = len(body)
    body.extend(struct.pack("<H", len(entries)) + fields + bytes(4))
    return at
