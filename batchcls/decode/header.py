"""What a picture's header says, and the ways in which reading it fails."""

from dataclasses import dataclass, field
from typing import Literal

from batchcls.errors import ImageError

Format = Literal["jpeg", "png", "webp", "bmp", "tiff", "gif", "avif", "heic", "jp2"]
Edit = tuple[int, int, bytes]

READ = "JPEG, PNG, WebP, BMP, TIFF, GIF, AVIF, HEIC or JPEG 2000"

MAX_PARTS = 40_000
"""Chunks, blocks or frames that a file may have: walking more of them takes too long."""

MAX_PICTURES = 32
"""Pictures of the largest size that may be decoded for a later frame, which needs those before."""


@dataclass(frozen=True, slots=True)
class Unended:
    """A scan of a JPEG that no end marker ends.

    Attributes:
        start: where its data begin.
        restarts: restart markers that it has when it is whole.
    """

    start: int
    restarts: int


@dataclass(frozen=True, slots=True)
class Header:
    r"""A picture's header.

    Attributes:
        format: by its first bytes, never by its name.
        width: of the stored picture, before EXIF orientation; of the canvas, if animated.
        height: likewise.
        frames: pictures in the file.
        bits: per sample.
        channels: samples per pixel as stored, alpha included; 1 for a palette.
        alpha: it has transparency of some kind.
        orientation: EXIF orientation, 1 to 8.
        frame: the one that is decoded, by its number.
        edits: what to put in place of which bytes (start, end, bytes), in order, so that the
            decoder gets the first frame alone, and means by it what Pillow means.
        bmp_masks: bits of red, green and blue in a BMP whose order is its own; empty elsewhere.
        packed: several gray values in a byte, of so many bits; the decoder gets the bytes. 0
            elsewhere.
        inverted: of packed values, 0 is white.
        unended: the last scan of a JPEG in which nothing says where it ends; None where an end
            marker does.
        limited_gray: samples of a gray AVIF go from 16 to 235, and OpenCV leaves them so.
        exif: TIFF structure, with or without ``Exif\0\0`` before it; of a TIFF the file itself.
        cut: the compressed data of a TIFF may be less than its directory says.
    """

    format: Format
    width: int
    height: int
    frames: int = 1
    frame: int = 0
    bits: int = 8
    channels: int = 3
    alpha: bool = False
    orientation: int = 1
    edits: tuple[Edit, ...] = ()
    bmp_masks: tuple[int, ...] = ()
    packed: int = 0
    inverted: bool = False
    unended: Unended | None = None
    limited_gray: bool = False
    cut: bool = False
    exif: bytes = field(default=b"", repr=False, compare=False)

    @property
    def upright_size(self) -> tuple[int, int]:
        """Width and height with the EXIF orientation applied."""
        if self.orientation >= 5:
            return self.height, self.width
        return self.width, self.height


def edited(data: bytes, edits: tuple[Edit, ...]) -> bytes:
    """A file with a header's edits made; the file itself if there are none."""
    if not edits:
        return data
    parts: list[bytes | memoryview] = []
    view = memoryview(data)
    at = 0
    for start, end, replacement in edits:
        parts += (view[at:start], replacement)
        at = end
    parts.append(view[at:])
    return b"".join(parts)


def truncated(where: str) -> ImageError:
    """The file ends before the picture does."""
    return ImageError("truncated", f"the file ends {where}")


def corrupt(what: str) -> ImageError:
    """The file contradicts its format, or is of a kind that is not read."""
    return ImageError("corrupt", what)


def check_size(width: int, height: int, max_pixels: int) -> None:
    """Refuse a picture of no pixels, or of more than the limit.

    Raises:
        ImageError: corrupt, too_large.
    """
    if width < 1 or height < 1:
        raise corrupt(f"a picture of {width}x{height} pixels")
    if width * height > max_pixels:
        raise ImageError(
            "too_large", f"{width}x{height} pixels, over the limit of {max_pixels} in all"
        )


def check_frame(frame: int, width: int, height: int, max_pixels: int) -> None:
    """Refuse a later frame before which too many pixels must be decoded.

    Raises:
        ImageError: too_large.
    """
    pixels, limit = (frame + 1) * width * height, MAX_PICTURES * max_pixels
    if frame and pixels > limit:
        raise ImageError(
            "too_large", f"{pixels} pixels up to frame {frame}, over the limit of {limit}"
        )


def check_parts(count: int, limit: int = MAX_PARTS) -> None:
    """Refuse a file of a senseless number of parts.

    Raises:
        ImageError: too_large.
    """
    if count > limit:
        raise ImageError("too_large", f"more than {limit} parts")
