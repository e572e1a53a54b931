"""Bytes of an image file to pixels: the only caller of OpenCV's decoders.

Rules of this file:

1. Nothing is decoded whose structure `sniff` has not found whole and within the limits.
2. The decoder gets the first frame alone; EXIF orientation is applied here, not by the decoder,
   so that it is the same for every format and every version of OpenCV.
3. What comes out has the size that the header said, or the image is corrupt.
4. Where OpenCV and Pillow differ, Pillow's pixels win: the models' authors trained on them.
"""

from typing import TYPE_CHECKING, Any, TypeAlias

from batchcls.decode import bmp, memory, opencv, tiff_decoding
from batchcls.decode.header import Header, corrupt, edited, truncated
from batchcls.decode.jpeg_ending import END_MARKER, JUNK, OTHER_JUNK, continued, end_of_picture
from batchcls.decode.policy import DecodePolicy
from batchcls.decode.sniff import sniff
from batchcls.errors import ImageError
from batchcls.images import Picture

if TYPE_CHECKING:  # the coordinator imports this package for its policy, and never needs NumPy
    import numpy as np
    from numpy.typing import NDArray

Pixels: TypeAlias = "NDArray[np.uint8]"

OUT_OF_MEMORY = -4  # cv::Error::StsNoMem
_PICTURES = memory.Pictures()

FROM_RIGHT, FROM_BELOW = (2, 3, 6, 7), (3, 4, 7, 8)
"""EXIF orientations whose columns, or rows, are taken from the other end, after any transposing."""


def decode(data: bytes, policy: DecodePolicy | None = None) -> Pixels:
    """First frame of an image file as pixels, in full.

    Args:
        data: the file.
        policy: limits and rules; None is the default.

    Returns:
        uint8 (height, width, 3), channels blue, green, red; contiguous.

    Raises:
        ImageError: empty, not_image, truncated, corrupt, too_large, out_of_memory, no_decoder.
    """
    pixels: Pixels = decode_picture(data, policy).pixels
    return pixels


def decode_picture(
    data: bytes, policy: DecodePolicy | None = None, at_least: tuple[int, int] | None = None
) -> Picture:
    """First frame of an image file, perhaps at a reduced size.

    Args:
        data: the file.
        policy: limits and rules; None is the default.
        at_least: width and height, upright: a JPEG may then come at 1/2, 1/4 or 1/8 of its size,
            never below this. None decodes in full.

    Raises:
        ImageError: empty, not_image, truncated, corrupt, too_large, out_of_memory, no_decoder.
    """
    policy = policy or DecodePolicy()
    camera = b""
    if policy.raw:
        from batchcls.decode import camera_raw  # rare

        if camera_raw.is_raw(data):
            found = camera_raw.preview(data, policy.max_pixels)
            if not isinstance(found, bytes):
                pixels, orientation = found
                pixels = upright(pixels, orientation if policy.exif else 1)
                return Picture(pixels, pixels.shape[1], pixels.shape[0], exif=data)
            camera, data = data, found
    header = sniff(data, policy.max_pixels)
    _PICTURES.seen(header.width * header.height)
    scale = _scale(header, at_least)
    data = _whole(edited(data, header.edits), header)
    pixels = _pixels(data, header, scale)
    width, height = -(-header.width // scale), -(-header.height // scale)
    if pixels.shape != (height, width, 3):
        raise corrupt(
            f"decodes to {pixels.shape[1]}x{pixels.shape[0]} pixels, not {width}x{height}"
        )
    if header.format == "jpeg":
        _check_filled(data, pixels, header, scale)
        if header.channels == 4:
            pixels = _like_pillow(pixels)
    orientation = header.orientation if policy.exif else 1
    size = header.width, header.height
    spare = width - size[0] / scale, height - size[1] / scale
    if orientation >= 5:
        size, spare = size[::-1], spare[::-1]
    return Picture(
        upright(pixels, orientation),
        *size,
        scale,
        spare[0] if orientation in FROM_RIGHT else 0.0,
        spare[1] if orientation in FROM_BELOW else 0.0,
        header.exif or camera,
    )


def upright(pixels: Pixels, orientation: int) -> Pixels:
    """Turn and mirror pixels as an EXIF orientation (1 to 8) says."""
    if orientation == 1:
        return pixels
    import cv2

    turned: Any = cv2.transpose(pixels) if orientation >= 5 else pixels
    across, down = orientation in FROM_RIGHT, orientation in FROM_BELOW
    if across or down:
        turned = cv2.flip(turned, -1 if across and down else int(across))
    result: Pixels = turned
    return result


def _whole(data: bytes, header: Header) -> bytes:
    """The file with an end marker, if it is a JPEG that has its picture and lacks one."""
    if header.unended is None:
        return data

    def enough(place: int) -> bool:
        try:
            first, *others = (
                _imdecode(continued(data[:place], junk), 1) for junk in (b"", JUNK, OTHER_JUNK)
            )
        except ImageError:
            return False
        return all(first.shape == one.shape and (first == one).all() for one in others)

    end = end_of_picture(data, header.unended, enough)
    if end is None:
        raise truncated("before the picture does (no end marker)")
    return data[:end] + END_MARKER


def _pixels(data: bytes, header: Header, scale: int) -> Pixels:
    """What the format's decoder makes of a file, or what takes its place."""
    if header.format == "tiff":
        return tiff_decoding.pixels(data, header, _imdecode)
    if header.bmp_masks:
        return bmp.masked(data, header)
    if header.frame:
        return _frame(data, header.frame)
    if header.format == "heic":
        from batchcls.decode import heic  # rare

        return heic.pixels(data)
    if header.format == "avif" and not opencv.has_avif():
        from batchcls.decode import decoders  # rarer

        raise decoders.AVIF.missing()
    pixels = _imdecode(data, scale)
    return _full_range(pixels) if header.limited_gray else pixels


def _scale(header: Header, at_least: tuple[int, int] | None) -> int:
    """By which power of two a JPEG may be decoded smaller."""
    if at_least is None or header.format != "jpeg":
        return 1
    width, height = header.upright_size
    for scale in (8, 4, 2):
        if width // scale >= at_least[0] and height // scale >= at_least[1]:
            return scale
    return 1


def _imdecode(data: bytes, scale: int) -> Pixels:
    import cv2  # here, since its limits must be in the environment before
    import numpy as np

    flags = {
        1: cv2.IMREAD_COLOR,
        2: cv2.IMREAD_REDUCED_COLOR_2,
        4: cv2.IMREAD_REDUCED_COLOR_4,
        8: cv2.IMREAD_REDUCED_COLOR_8,
    }[scale]
    try:
        pixels: Any = cv2.imdecode(
            np.frombuffer(data, np.uint8), flags | cv2.IMREAD_IGNORE_ORIENTATION
        )
    except MemoryError:
        raise ImageError("out_of_memory", "not enough memory to decode it") from None
    except cv2.error as error:
        if error.code == OUT_OF_MEMORY:
            raise ImageError("out_of_memory", "not enough memory to decode it") from None
        raise corrupt("the decoder refuses it") from None
    if pixels is None:
        raise corrupt("the decoder refuses it")
    result: Pixels = pixels
    return result


def _frame(data: bytes, number: int) -> Pixels:
    """Another frame of an animation than its first, with what those before it left."""
    import cv2
    import numpy as np

    try:
        found, animation = cv2.imdecodeanimation(np.frombuffer(data, np.uint8), number, 1)
    except MemoryError:
        raise ImageError("out_of_memory", "not enough memory to decode it") from None
    except cv2.error:
        raise corrupt("the decoder refuses it") from None
    if not found or len(animation.frames) != 1:
        raise corrupt(f"the decoder finds no frame {number}")
    result: Pixels = np.ascontiguousarray(animation.frames[0][:, :, :3])
    return result


def _check_filled(data: bytes, pixels: Pixels, header: Header, scale: int) -> None:
    """Refuse a JPEG whose data end before its pixels do although it has an end marker.

    Looked for only where the last pixel is of the gray with which libjpeg fills up.
    """
    gray = 65 if header.channels == 4 else 128
    if pixels[-1, -1].tolist() != [gray] * 3:
        return
    more = _imdecode(continued(data[: -len(END_MARKER)], JUNK), scale)
    if more.shape != pixels.shape or (more != pixels).any():
        raise truncated("before the picture does (filled up with gray)")


def _full_range(pixels: Pixels) -> Pixels:
    """Gray from 16 to 235 as gray from 0 to 255."""
    import numpy as np

    table = ((np.arange(256) - 16) * 255 + 109) // 219
    result: Pixels = table.clip(0, 255).astype(np.uint8)[pixels]
    return result


def _like_pillow(pixels: Pixels) -> Pixels:
    """CMYK as Pillow converts it, within one step.

    OpenCV computes ``k - ((255 - c) * k >> 8)``, Pillow ``c * k / 255`` rounded: OpenCV's is
    0.86 larger in the mean, 0 to 2 at most, and equal at 255.
    """
    result: Pixels = pixels - ((pixels > 0) & (pixels < 255))
    return result
