"""Which way up a picture is: the orientation in EXIF, else in XMP, and nothing else of either.

As Pillow's `getexif` (13.0) weighs them: XMP counts only where EXIF says nothing of it.
"""

import re
import struct

ORIENTATION = 0x0112
SHORT, LONG = 3, 4
EXIF = b"Exif\0\0"
_XMP = re.compile(rb'tiff:Orientation(?:="|>)([0-9])')


def upright(exif: bytes | None, xmp: bytes | None) -> int:
    r"""Orientation, 1 to 8; 1 where neither says one, or says one that makes no sense.

    Args:
        exif: TIFF structure, with or without ``Exif\0\0`` before it.
        xmp: a packet of XMP.
    """
    said = orientation(exif) if exif else None
    if said is None and xmp and (found := _XMP.search(xmp)):
        said = int(found[1])
    return said if said is not None and 1 <= said <= 8 else 1


def orientation(block: bytes) -> int | None:
    r"""What a block of EXIF says of the orientation; None where it says nothing.

    Args:
        block: TIFF structure, with or without ``Exif\0\0`` before it.
    """
    block = block.removeprefix(EXIF)
    order = {b"II": "<", b"MM": ">"}.get(block[:2])
    if order is None or len(block) < 8:
        return None
    (start,) = struct.unpack_from(order + "I", block, 4)
    if start + 2 > len(block):
        return None
    (entries,) = struct.unpack_from(order + "H", block, start)
    for at in range(start + 2, min(start + 2 + 12 * entries, len(block) - 11), 12):
        tag, kind = struct.unpack_from(order + "HH", block, at)
        if tag == ORIENTATION:
            form = {SHORT: "H", LONG: "I"}.get(kind)
            value: int = struct.unpack_from(order + form, block, at + 8)[0] if form else 1
            return value
    return None
