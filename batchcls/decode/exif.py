"""The orientation in a block of EXIF, and nothing else of it."""

import struct

ORIENTATION = 0x0112
SHORT, LONG = 3, 4


def orientation(block: bytes) -> int:
    r"""EXIF orientation, 1 to 8; 1 when it is absent or makes no sense.

    Args:
        block: TIFF structure, with or without ``Exif\0\0`` before it.
    """
    block = block.removeprefix(b"Exif\0\0")
    order = {b"II": "<", b"MM": ">"}.get(block[:2])
    if order is None or len(block) < 8:
        return 1
    (start,) = struct.unpack_from(order + "I", block, 4)
    if start + 2 > len(block):
        return 1
    (entries,) = struct.unpack_from(order + "H", block, start)
    for at in range(start + 2, min(start + 2 + 12 * entries, len(block) - 11), 12):
        tag, kind = struct.unpack_from(order + "HH", block, at)
        if tag == ORIENTATION:
            form = {SHORT: "H", LONG: "I"}.get(kind)
            value = struct.unpack_from(order + form, block, at + 8)[0] if form else 1
            return value if 1 <= value <= 8 else 1
    return 1
