"""BMP: header, and whether all its rows are there."""

import struct

from batchcls.decode.header import Header, check_size, corrupt, truncated
from batchcls.errors import ImageError

CORE_HEADER = 12
HEADERS = frozenset({40, 52, 56, 64, 108, 124})
RGB, RLE8, RLE4, BITFIELDS, ALPHA_BITFIELDS = 0, 1, 2, 3, 6


def read(data: bytes, max_pixels: int) -> Header:
    """Header of a BMP file.

    Raises:
        ImageError: truncated, corrupt, too_large.
    """
    if len(data) < 26:
        raise truncated("inside its header")
    file_size, _, pixels_at, header_size = struct.unpack_from("<IIII", data, 2)
    if header_size in HEADERS and len(data) < 14 + header_size:
        raise truncated("inside its header")
    compression = image_size = 0
    if header_size == CORE_HEADER:
        width, height, _, bits = struct.unpack_from("<HHHH", data, 18)
    elif header_size in HEADERS:
        width, height, _, bits, compression, image_size = struct.unpack_from("<iiHHII", data, 18)
        height = abs(height)  # negative: rows from the top
    else:
        # Two letters are a weak sign: a text may begin with them too.
        raise ImageError("not_image", "begins like BMP, but has no header of it")
    check_size(width, height, max_pixels)
    if bits not in (1, 4, 8, 16, 24, 32):
        raise corrupt(f"{bits} bits per pixel")
    if compression in (RGB, BITFIELDS, ALPHA_BITFIELDS):
        needed = pixels_at + (width * bits + 31) // 32 * 4 * height
    elif compression in (RLE8, RLE4):
        # Only the decoder finds the end of run lengths; the sizes in the header must do.
        needed = max(file_size, pixels_at + image_size)
    else:
        raise corrupt(f"compression {compression}")
    if len(data) < needed:
        raise truncated("before the picture does")
    channels = {24: 3, 32: 4}.get(bits, 1 if bits <= 8 else 3)
    return Header("bmp", width, height, bits=8, channels=channels)
