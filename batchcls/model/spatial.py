"""Brings a decoded image to the model's input: cut, resize, channel order, crop or pad."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from batchcls.model.preprocess import Preprocess, geometry

Pixels = NDArray[np.uint8]

_OPENCV = {
    "linear": cv2.INTER_LINEAR,
    "cubic": cv2.INTER_CUBIC,
    "nearest": cv2.INTER_NEAREST,
    "area": cv2.INTER_AREA,
    "lanczos": cv2.INTER_LANCZOS4,
}


def prepare(image: Pixels, pre: Preprocess) -> NDArray[Any]:
    """One image as the model's input.

    Args:
        image: (H, W, 3) BGR.
        pre: what it goes through.

    Returns:
        (pre.height, pre.width, pre.channels), contiguous, in the model's channel order; uint8, or
        float32 where the intensity mapping depends on the image.
    """
    if pre.resize_type == "embedded":
        return np.ascontiguousarray(image)
    steps = geometry(pre, image.shape[1], image.shape[0])
    left, top, width, height = steps.source
    image = image[top : top + height, left : left + width]
    image = resize(image, steps.size, pre.interpolation)
    image = order(image, pre)
    image = np.ascontiguousarray(place(image, steps.offset, pre))
    return percentile(image, pre) if pre.intensity[0] == "percentile" else image


def resize(image: Pixels, size: tuple[int, int], interpolation: str) -> Pixels:
    """An image at another size, (width, height)."""
    if (image.shape[1], image.shape[0]) == size:
        return image
    return _u8(cv2.resize(image, size, interpolation=_OPENCV[interpolation]))


def order(image: Pixels, pre: Preprocess) -> Pixels:
    """BGR in the model's channel order, or gray."""
    if pre.channels == 1:
        return _u8(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY))[:, :, None]
    if pre.reverse_input_channels:
        return _u8(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
    return image


def place(image: Pixels, offset: tuple[int, int], pre: Preprocess) -> Pixels:
    """Crop to the input's size at this offset, and pad where the image does not reach."""
    height, width = image.shape[:2]
    left, top = offset
    if (left, top) == (0, 0) and (height, width) == (pre.height, pre.width):
        return image
    x, y = max(left, 0), max(top, 0)
    piece = image[y : top + pre.height, x : left + pre.width]
    if piece.shape[:2] == (pre.height, pre.width):
        return piece
    canvas = np.empty((pre.height, pre.width, pre.channels), np.uint8)
    canvas[:] = pre.pad_value
    canvas[y - top : y - top + piece.shape[0], x - left : x - left + piece.shape[1]] = piece
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
