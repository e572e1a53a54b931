"""Which picture format a file has, by its first bytes, and what its structure says. Runs no codec.

The list of formats is closed: what is not on it never reaches a decoder, since the decoders that
OpenCV has beside these (HDR, PNM, Sun raster, …) are less tested against hostile files.
"""

from collections.abc import Callable

from batchcls.decode import bmp, gif, jpeg, png, tiff, webp
from batchcls.decode.header import READ, Header, truncated
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
JPEG_2000 = (b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51")
"""With boxes around, and without."""
MEDIA_FILE = b"ftyp"
"""At byte 4 of an ISO media file, behind the length of its first box."""
LONGEST = 12
JPEG_XL = "JPEG XL, which is not read; convert it, for example by `djxl in.jxl out.png`"
STRANGERS = (
    (b"\xff\x0a", JPEG_XL),
    (b"\0\0\0\x0cJXL ", JPEG_XL),
    (b"#?R", "Radiance HDR"),
    (b"v/1\x01", "OpenEXR"),
    (b"8BPS", "Photoshop"),
    (b"II\xbc", "JPEG XR"),
    (b"qoif", "QOI"),
    (b"FUJIFILM", "Fujifilm's raw format RAF, which `--raw` reads"),
    *((b"P%d\n" % kind, "PNM") for kind in range(1, 8)),
    (b"\0\0\1\0", "a Windows icon"),
    (b"%PDF", "PDF"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"Rar!", "a RAR archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"\0\5\x16\7", "an AppleDouble file, in which macOS keeps what belongs to another file"),
    (b"\0\0\0\1Bud1", "a .DS_Store file of macOS"),
    (b"\xd0\xcf\x11\xe0", "a Thumbs.db of Windows or an old Office file"),
    (b"version https://git-lfs", "a Git LFS pointer; fetch the picture itself by `git lfs pull`"),
)
TEXTS = (
    (b"<svg", "SVG"),
    (b"<?xml", "XML"),
    (b"<!doctype html", "HTML, as from a failed download"),
    (b"<html", "HTML, as from a failed download"),
    (b"<head", "HTML, as from a failed download"),
    (b"{", "JSON or other text"),
)
"""Looked for behind blanks and a byte order mark, whatever their case."""

PICTURES = frozenset({
    b"avif", b"avis", b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1",
})  # fmt: skip
"""Brands of ISO media files that `heif` reads."""
BRANDS = {
    b"crx ": "Canon's raw format CR3, which `--raw` reads",
    b"jxl ": JPEG_XL,
}
"""By the first brand of another ISO media file; all others are films."""

DICOM_AT = 128
BLANK = 4096
"""Bytes that must be zero for a file to be taken as blank."""


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
    if (rarer := _rarer(data, max_pixels)) is not None:
        return rarer
    if len(data) < LONGEST and _may_become_one(data):
        raise truncated("inside its first bytes")
    raise ImageError("not_image", f"not {READ}{_stranger(data)}")


def _rarer(data: bytes, max_pixels: int) -> Header | None:
    """Header of a format whose reader is loaded when the first such file comes."""
    if data.startswith(JPEG_2000):
        from batchcls.decode import jp2

        return jp2.read(data, max_pixels)
    if data[4:8] == MEDIA_FILE and PICTURES.intersection(_brands(data)):
        from batchcls.decode import heif

        return heif.read(data, max_pixels)
    return None


def _may_become_one(data: bytes) -> bool:
    """Whether these few bytes are the beginning of such a format, or of WebP."""
    if not any(data[:3]) and MEDIA_FILE.startswith(data[4:8]):
        return True
    return data.startswith(b"RIFF") or any(magic.startswith(data) for magic in JPEG_2000)


def _stranger(data: bytes) -> str:
    """What it is instead, for files that people take for images."""
    if data[4:8] == MEDIA_FILE:
        return f", but {BRANDS.get(data[8:12], 'a film')}"
    if data[DICOM_AT : DICOM_AT + 4] == b"DICM":
        return ", but DICOM"
    if not data[:BLANK].strip(b"\0"):
        return ", but nothing but zero bytes, as a copy that failed or a damaged disk leaves them"
    text = data[:256].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    for begins, name in STRANGERS:
        if data.startswith(begins):
            return f", but {name}"
    for begins, name in TEXTS:
        if text.startswith(begins):
            return f", but {name}"
    return ""


def _brands(data: bytes) -> list[bytes]:
    """The brands of an ISO media file: HEIF says in its further ones of which kind it is."""
    end = min(int.from_bytes(data[:4], "big"), 256, len(data))
    return [data[8:12], *(data[at : at + 4] for at in range(16, end - 3, 4))]
