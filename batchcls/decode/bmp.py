"""BMP: header, and whether all its rows are there; pixels of bit masks that OpenCV passes over."""

import struct
from typing import TYPE_CHECKING, Any

from batchcls.decode.header import Edit, Header, check_size, corrupt, truncated
from batchcls.errors import ImageError

if TYPE_CHECKING:  # the coordinator imports this package, and never needs NumPy
    import numpy as np
    from numpy.typing import NDArray

CORE_HEADER = 12
HEADERS = frozenset({40, 52, 56, 64, 108, 124})
RGB, RLE8, RLE4, BITFIELDS, ALPHA_BITFIELDS = 0, 1, 2, 3, 6
MASKS_AT = 54
"""Of red, green and blue: behind a header of 40 bytes, or the first of what longer ones add."""
USUAL = (0xFF0000, 0x00FF00, 0x0000FF)
"""The masks (red, green, blue) that OpenCV reads rightly. Of 16 bits it reads none: it leaves the
low bits of a channel of five or six 0, so that its white is 248, where Pillow's is 255."""
FIVE_BITS = (0x7C00, 0x03E0, 0x001F)
"""The masks of 16 bits per pixel where the file has none."""


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
    compression = image_size = colours = 0
    if header_size == CORE_HEADER:
        width, height, _, bits = struct.unpack_from("<HHHH", data, 18)
    elif header_size in HEADERS:
        width, height, _, bits, compression, image_size = struct.unpack_from("<iiHHII", data, 18)
        height = abs(height)  # negative: rows from the top
        (colours,) = struct.unpack_from("<I", data, 46)
    else:
        # Two letters are a weak sign: a text may begin with them too.
        raise ImageError("not_image", "begins like BMP, but has no header of it")
    check_size(width, height, max_pixels)
    if bits not in (1, 4, 8, 16, 24, 32):
        raise corrupt(f"{bits} bits per pixel")
    edits: tuple[Edit, ...] = ()
    if not pixels_at:
        pixels_at = _behind_header(header_size, compression, bits, colours)
        edits = ((10, 14, pixels_at.to_bytes(4, "little")),)
    if compression in (RGB, BITFIELDS, ALPHA_BITFIELDS):
        needed = pixels_at + _stride(width, bits) * height
    elif compression in (RLE8, RLE4):
        # Only the decoder finds the end of run lengths; the sizes in the header must do.
        needed = max(file_size, pixels_at + image_size)
    else:
        raise corrupt(f"compression {compression}")
    if len(data) < needed:
        raise truncated("before the picture does")
    channels = {24: 3, 32: 4}.get(bits, 1 if bits <= 8 else 3)
    masks = _masks(data, bits, compression)
    return Header("bmp", width, height, bits=8, channels=channels, edits=edits, bmp_masks=masks)


def _stride(width: int, bits: int) -> int:
    """Bytes of a row: whole groups of four."""
    return (width * bits + 31) // 32 * 4


def _behind_header(header_size: int, compression: int, bits: int, colours: int) -> int:
    """Where the pixels are if the file does not say, as Pillow: behind header, masks, palette."""
    masks = 12 * (header_size == 40 and compression == BITFIELDS)
    entry = 3 if header_size == CORE_HEADER else 4
    palette = (colours or 1 << bits) * entry if bits <= 8 else 0
    return 14 + header_size + masks + palette


def _masks(data: bytes, bits: int, compression: int) -> tuple[int, ...]:
    """Masks of red, green and blue where OpenCV would not do; else empty."""
    if compression not in (BITFIELDS, ALPHA_BITFIELDS):
        return FIVE_BITS if bits == 16 else ()
    if len(data) < MASKS_AT + 12 or bits not in (16, 32):
        raise corrupt(f"bit masks for {bits} bits per pixel")
    masks: tuple[int, ...] = struct.unpack_from("<III", data, MASKS_AT)
    if bits == 32 and masks == USUAL:
        return ()
    for mask in masks:
        low = mask & -mask
        if not mask or mask >> bits or (mask // low) & (mask // low + 1):
            raise corrupt(f"a bit mask of 0x{mask:x}")
    return masks


def masked(data: bytes, header: Header) -> "NDArray[np.uint8]":
    """Pixels by the file's own bit masks, (height, width, 3) BGR, upright as other BMPs.

    A channel of n bits is scaled to 255 and rounded down, as Pillow does for its five bits.
    """
    import numpy as np

    (pixels_at,) = struct.unpack_from("<I", data, 10)
    (height,) = struct.unpack_from("<i", data, 22)
    (bits,) = struct.unpack_from("<H", data, 28)
    stride = _stride(header.width, bits)
    rows = np.frombuffer(data, np.uint8, stride * header.height, pixels_at)
    packed = rows.reshape(header.height, stride).view("<u2" if bits == 16 else "<u4")
    packed = packed[:, : header.width][:: -1 if height > 0 else 1].astype(np.uint64)
    pixels: NDArray[np.uint8] = np.empty((header.height, header.width, 3), np.uint8)
    for channel, mask in enumerate(header.bmp_masks):
        largest: Any = mask // (mask & -mask)
        pixels[..., 2 - channel] = ((packed & mask) // (mask & -mask)) * 255 // largest
    return pixels
