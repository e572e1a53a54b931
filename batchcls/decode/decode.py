"""Bytes of an image file to pixels: the only caller of OpenCV's decoders."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from batchcls.decode.policy import DecodePolicy
from batchcls.decode.sniff import sniff
from batchcls.errors import ImageError


def decode(
    data: bytes, policy: DecodePolicy | None = None, at_least: tuple[int, int] | None = None
) -> NDArray[np.uint8]:
    """First frame of an image file as pixels.

    Returns:
        uint8 (height, width, 3), channels blue, green, red, EXIF orientation applied.

    Raises:
        ImageError: not_image, truncated, corrupt, too_large, out_of_memory.
    """
    import cv2  # here, since its limits must be in the environment first

    sniff(data)
    try:
        pixels: Any = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise ImageError("corrupt", f"the decoder refuses it: {error.err}") from error
    if pixels is None:
        raise ImageError("corrupt", "the decoder refuses it")
    result: NDArray[np.uint8] = pixels
    return result
