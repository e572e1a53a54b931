"""Which picture format a file has, by its first bytes, and what its structure says. Runs no codec.

The list of formats is closed: what is not on it never reaches a decoder, since the decoders that
OpenCV has beside these (JPEG 2000, HDR, PNM, Sun raster, …) are less tested against hostile files.
"""

from collections.abc import Callable

from batchcls.decode import bmp, gif, jpeg, png, tiff, webp
from batchcls.decode.header import Header, truncated
from batchcls.decode.policy import PILLOW_ERROR_LIMIT
from batchcls.errors import ImageError

Parser = Callable[[bytes, int], Header]

MAGIC: tuple[tuple[bytes, Parser], ...] = (
    (b"\xff\xd8\xff", jpeg.read),
    (b"\x89PNG\r\n\x1a\n", png.read),
    (b"RIFF", webp.read),  # and WEBP at byte 8
    (b"GIF87a", gif.read),
    (b"GIF89a", gif.read),
    (b"BM", bmp.read),
    (b"II*\0", tiff.read),
    (b"MM\0*", tiff.read),
    (b"II+\0", tiff.read),
    (b"MM\0+", tiff.read),
)
LONGEST = 12
STRANGERS = (
    (b"\0\0\0\x0cjP", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"#?R", "Radiance HDR"),
    (b"v/1\x01", "OpenEXR"),
    (b"8BPS", "Photoshop"),
    (b"%PDF", "PDF"),
    (b"<svg", "SVG"),
    (b"<?xml", "XML"),
    (b"<!DOCTYPE", "HTML"),
    (b"<html", "HTML"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\0\x0cJXL ", "JPEG XL"),
)


def sniff(data: bytes, max_pixels: int = PILLOW_ERROR_LIMIT) -> Header:
    """Header of a picture that is whole as far as its structure tells.

    Args:
        data: a file.
        max_pixels: pictures of more pixels are refused.

    Raises:
        ImageError: empty, not_image, truncated, corrupt, too_large.
    """
    if not data:
        raise ImageError("empty", "no bytes in it")
    for magic, parser in MAGIC:
        if data.startswith(magic):
            if magic != b"RIFF" or data[8:12] == b"WEBP":
                return parser(data, max_pixels)
        elif len(data) < LONGEST and magic.startswith(data):
            raise truncated("inside its first bytes")
    if data.startswith(b"RIFF") and len(data) < LONGEST:
        raise truncated("inside its first bytes")
    raise ImageError("not_image", f"not JPEG, PNG, WebP, BMP, TIFF or GIF{_stranger(data)}")


def _stranger(data: bytes) -> str:
    """What it is instead, for files that people take for images."""
    for magic, name in STRANGERS:
        if data.startswith(magic):
            return f", but {name}"
    if data[4:8] == b"ftyp":
        return ", but HEIC, AVIF or a video"
    return ""
