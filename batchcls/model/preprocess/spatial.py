"""Brings a decoded image to the model's input: cut, resize, channel order, crop or pad.

Only the part of the resized picture that the model sees is computed, wherever that can be: a strip
a thousand times as wide as high would otherwise grow to gigabytes before its middle is taken.
"""

import math
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from batchcls.images import Picture
from batchcls.model.preprocess import resample
from batchcls.model.preprocess.geometry import geometry
from batchcls.model.preprocess.preprocess import Preprocess

Pixels = NDArray[np.uint8]
Window = tuple[int, int, int, int]
Box = tuple[float, float, float, float]

_OPENCV = {
    "linear": cv2.INTER_LINEAR,
    "cubic": cv2.INTER_CUBIC,
    "area": cv2.INTER_AREA,
    "lanczos": cv2.INTER_LANCZOS4,
}
_LARGEST = 1 << 24
"""Pixels of a resized picture that are still made whole."""
_REACH = 4
"""Pixels from which an interpolation takes a value, to either side: those of the larger picture."""


def prepare(
    image: Pixels | Picture, pre: Preprocess, into: NDArray[Any] | None = None
) -> NDArray[Any]:
    """One image as the model's input; thread-safe.

    What becomes of a picture's size (cuts, scale, crop) is decided by its size in full, however it
    was decoded.

    Args:
        image: (H, W, 3) BGR, or a picture.
        into: contiguous memory of the right shape and type, where to make it; None = new.

    Returns:
        (pre.height, pre.width, pre.channels), of its own size where the graph resizes;
        contiguous, in the model's channel order; uint8, or float32 where the intensity mapping
        depends on the image.
    """
    picture = (
        image if isinstance(image, Picture) else Picture(image, image.shape[1], image.shape[0])
    )
    if pre.resize_type == "embedded":
        return _finished(_in_order(_gray(picture.pixels, pre), pre), pre)
    steps = geometry(pre, picture.width, picture.height)
    image, box = cut(picture, steps.source)
    image = _gray(image, pre)
    if steps.first is not None and steps.first != steps.size:
        image, box = _resized_first(image, steps.first, pre.interpolation, box)
    x, y = steps.offset
    window = (
        max(x, 0),
        max(y, 0),
        min(x + pre.width, steps.size[0]),
        min(y + pre.height, steps.size[1]),
    )
    if min(steps.source) < 0:
        window = _touched(window, steps.size, box, (image.shape[1], image.shape[0]))
    image = resize(image, steps.size, window, pre.interpolation, box, _border(pre))
    image = _in_order(image, pre, into)
    found = _finished(place(image, (window[0] - x, window[1] - y), pre), pre)
    if into is None or found is into:
        return found
    into[...] = found
    return into


def _border(pre: Preprocess) -> tuple[int, ...]:
    """The border's colour, in the order in which images are decoded."""
    return pre.pad_value[::-1] if pre.reverse_input_channels else pre.pad_value


def _touched(window: Window, size: tuple[int, int], box: Box, there: tuple[int, int]) -> Window:
    """The part of a window that is not all border, where the box reaches over an image's edges.

    A narrow strip is in few columns of its square, and only these are computed.
    """
    found = list(window)
    for axis in (0, 1):
        step = (box[axis + 2] - box[axis]) / size[axis]
        reach = _REACH * max(1.0, 1.0 / step)
        first = math.floor(-box[axis] / step - reach)
        last = math.ceil((there[axis] - box[axis]) / step + reach)
        found[axis], found[axis + 2] = max(window[axis], first), min(window[axis + 2], last)
    return found[0], found[1], found[2], found[3]


def _resized_first(
    image: Pixels, size: tuple[int, int], interpolation: str, box: Box
) -> tuple[Pixels, Box]:
    """A step between; left out for a strip that would grow to gigabytes on the way."""
    if size[0] * size[1] > _LARGEST:
        return image, box
    whole = (0, 0, *size)
    return resize(image, size, whole, interpolation, box), whole


def _gray(image: Pixels, pre: Preprocess) -> Pixels:
    """One channel of three, if the model has one."""
    if pre.channels == 3:
        return image
    return _u8(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY))[:, :, None]


def _finished(image: Pixels, pre: Preprocess) -> NDArray[Any]:
    """Contiguous, with the mapping of intensities that depends on the image."""
    found = np.ascontiguousarray(image)
    return percentile(found, pre) if pre.intensity[0] == "percentile" else found


def _in_order(image: Pixels, pre: Preprocess, into: NDArray[Any] | None = None) -> Pixels:
    """The model's order of channels, made where it is wanted if it fits there.

    OpenCV would write elsewhere.
    """
    if pre.channels == 1 or not pre.reverse_input_channels:
        return image
    if into is None or into.shape != image.shape or into.dtype != np.uint8:
        return _u8(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
    cv2.cvtColor(image, cv2.COLOR_BGR2RGB, dst=into)
    return into


def cut(picture: Picture, source: tuple[int, int, int, int]) -> tuple[Pixels, Box]:
    """The pixels that show a part (left, top, width, height) of a picture.

    Returns:
        The smallest cut that has all of it, and where in the cut it is; over its edges where the
        part reaches over the picture's.
    """
    left, right = (picture.left + x / picture.scale for x in (source[0], source[0] + source[2]))
    top, bottom = (picture.top + y / picture.scale for y in (source[1], source[1] + source[3]))
    x, y = max(0, math.floor(left)), max(0, math.floor(top))
    pixels: Pixels = picture.pixels[y : math.ceil(bottom), x : math.ceil(right)]
    return pixels, (left - x, top - y, right - x, bottom - y)


def resize(
    image: Pixels,
    size: tuple[int, int],
    window: Window,
    interpolation: str,
    box: Box | None = None,
    border: Sequence[int] = (0,),
) -> Pixels:
    """A window (left, top, right, bottom) of an image at another size (width, height).

    Args:
        image: (H, W, C).
        size: of the whole resized picture.
        window: what is wanted of it.
        interpolation: one of `batchcls.job.choices.INTERPOLATIONS`.
        box: part of the image that is resized, as in `resample.resize`; OpenCV's interpolations
            take whole pixels, so with them a picture that was decoded smaller can move by part of
            one.
        border: colour of what the box has beyond the image's edges.
    """
    left, top, right, bottom = window
    if (image.shape[1], image.shape[0]) == size and box in (None, (0, 0, *size)):
        return image[top:bottom, left:right]
    if interpolation in resample.FILTERS:
        return resample.resize(image, size, window, interpolation, box, border)
    image = _framed(image, box, border)
    if interpolation == "pillow_nearest":
        return resample.resize(image, size, window, interpolation)
    if interpolation == "nearest":
        rows = _nearest(image.shape[0], size[1])[top:bottom]
        columns = _nearest(image.shape[1], size[0])[left:right]
        return image[rows[:, None], columns[None]]
    if size[0] * size[1] > _LARGEST:
        found = _sample(image, size, window, interpolation)
    else:
        whole = _u8(cv2.resize(image, size, interpolation=_OPENCV[interpolation]))
        found = whole[top:bottom, left:right]
    return found if found.ndim == 3 else found[:, :, None]  # OpenCV drops a single channel


def _framed(image: Pixels, box: Box | None, border: Sequence[int]) -> Pixels:
    """An image with the border that a box has around it, if it has any."""
    if box is None:
        return image
    left, top = (max(0, round(-edge)) for edge in box[:2])
    right, bottom = (max(0, round(box[n + 2]) - image.shape[1 - n]) for n in (0, 1))
    if not (left or top or right or bottom):
        return image
    colour = np.resize(border, 3).tolist()
    constant = cv2.BORDER_CONSTANT
    found = _u8(cv2.copyMakeBorder(image, top, bottom, left, right, constant, value=colour))
    return found if found.ndim == 3 else found[:, :, None]


def _nearest(old: int, new: int) -> NDArray[np.intp]:
    """OpenVINO's Interpolate, which model_api resizes with; OpenCV's takes other pixels.

    Half-pixel coordinates, halves rounded down, in the plugin's float32.
    """
    scale = np.float32(new) / np.float32(old)
    half = np.float32(0.5)
    where = (np.arange(new, dtype=np.float32) + half) / scale - half
    found: NDArray[np.intp] = np.ceil(where - half).astype(np.intp).clip(0, old - 1)
    return found


def _sample(image: Pixels, size: tuple[int, int], window: Window, interpolation: str) -> Pixels:
    """The window alone: output pixel x + 0.5 is input pixel (x + left + 0.5) * ratio."""
    across, down = image.shape[1] / size[0], image.shape[0] / size[1]
    left, top = (max(0, int(window[n] * ratio) - 8) for n, ratio in ((0, across), (1, down)))
    # warpAffine takes no picture wider than 32767 pixels.
    image = image[top : int(window[3] * down) + 9, left : int(window[2] * across) + 9]
    matrix = np.array(
        [
            [across, 0.0, (window[0] + 0.5) * across - 0.5 - left],
            [0.0, down, (window[1] + 0.5) * down - 0.5 - top],
        ]
    )
    flags = cv2.INTER_LINEAR if interpolation == "area" else _OPENCV[interpolation]
    shape = (window[2] - window[0], window[3] - window[1])
    return _u8(
        cv2.warpAffine(
            image,
            matrix,
            shape,
            flags=flags | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
    )


def place(image: Pixels, offset: tuple[int, int], pre: Preprocess) -> Pixels:
    """Put an image onto the input's canvas at this offset; what it does not cover is padding."""
    height, width = image.shape[:2]
    if (height, width) == (pre.height, pre.width):
        return image
    left, top = offset
    canvas = np.empty((pre.height, pre.width, pre.channels), np.uint8)
    canvas[:] = pre.pad_value
    canvas[top : top + height, left : left + width] = image
    return canvas


def percentile(image: Pixels, pre: Preprocess) -> NDArray[np.float32]:
    """Map this image's own percentiles to 0..1, as model_api's intensity mode does."""
    low, high = (np.float32(np.percentile(image, float(q))) for q in pre.intensity[1:3])
    if low == high:
        return np.zeros(image.shape, np.float32)
    spread: NDArray[np.float32] = (image.astype(np.float32) - low) / (high - low)
    return spread.clip(0.0, 1.0)


def _u8(image: Any) -> Pixels:
    """What OpenCV returned for a uint8 array: its stubs call it any number."""
    found: Pixels = image
    return found
