"""What a picture's header says, and the ways in which reading it fails."""

from dataclasses import dataclass
from typing import Literal

from batchcls.errors import ImageError

Format = Literal["jpeg", "png", "webp", "bmp", "tiff", "gif"]


@dataclass(frozen=True, slots=True)
class Header:
    """A picture's header.

    Attributes:
        format: by its first bytes, never by its name.
        width: of the stored picture, before EXIF orientation; of the canvas, if animated.
        height: like width.
        frames: pictures in the file; only the first is decoded.
        bits: per sample.
        channels: samples per pixel as stored, alpha included; 1 for a palette.
        alpha: it has transparency of some kind.
        orientation: EXIF orientation, 1 to 8.
        keep: the ranges of bytes that make up the first frame, empty when all of them do.
    """

    format: Format
    width: int
    height: int
    frames: int = 1
    bits: int = 8
    channels: int = 3
    alpha: bool = False
    orientation: int = 1
    keep: tuple[tuple[int, int], ...] = ()


def truncated(what: str) -> ImageError:
    """The file ends before the picture does."""
    return ImageError("truncated", f"ends {what}")


def corrupt(what: str) -> ImageError:
    """The file contradicts its format."""
    return ImageError("corrupt", what)
