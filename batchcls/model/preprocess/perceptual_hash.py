"""A picture's perceptual hash: 64 bits that are nearly the same where pictures look the same.

pHash's (Zauner, "Implementation and benchmarking of perceptual image hash functions", 2010), as
imagehash's `phash` has it: gray as Pillow's, 32x32 by Pillow's Lanczos filter, the lowest 8x8
frequencies of its cosine transform, each above their median or not.

In whole numbers, so that every processor makes the same bits; that is why it is not taken from a
library. With Pillow up to 12.1 it is imagehash's hash, but where a frequency is the median within
rounding; Pillow 13 resizes otherwise (see `resample`).
"""

import math
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from batchcls.model.preprocess.resample import resize

EDGE, KEPT = 32, 8
SCALE = 1 << 22
"""Of the cosines: the sums of sums of pixels stay below 2**63."""

BLUE, GREEN, RED = 7471, 38470, 19595
"""Pillow's weights of gray, in parts of 65,536."""
_BLOCK = 20_000
"""Pixels that are converted to floats at a time, so that they stay in the cache."""


def perceptual_hash(pixels: NDArray[np.uint8]) -> str:
    """The hash as 16 hexadecimal digits.

    Args:
        pixels: (H, W, 3) blue, green, red.
    """
    small = resize(_gray(pixels), (EDGE, EDGE), (0, 0, EDGE, EDGE), "pillow_lanczos")[:, :, 0]
    waves = _waves()
    found = (waves @ small.astype(np.int64) @ waves.T).ravel()
    low, high = np.sort(found)[[31, 32]]
    bits = found - low > high - found  # above the mean of the two, without their sum
    return np.packbits(bits).tobytes().hex()


@cache
def _waves() -> NDArray[np.int64]:
    """(8, 32) cosines of the lowest frequencies."""
    angle = math.pi / (2 * EDGE)
    return np.array(
        [
            [round(SCALE * math.cos(angle * row * (2 * column + 1))) for column in range(EDGE)]
            for row in range(KEPT)
        ]
    )


def _gray(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(H, W, 1) as Pillow's convert("L").

    Every sum is below 2**24 in units of its last bit, so float32 has it without rounding.
    """
    height, width = pixels.shape[:2]
    rows = min(height, max(1, _BLOCK // width))
    weights = np.array([[BLUE, GREEN, RED, 1 << 15]], np.float32) / (1 << 16)
    block, sums = np.empty((rows, width, 3), np.float32), np.empty((rows, width), np.float32)
    gray = np.empty((height, width), np.uint8)
    for row in range(0, height, rows):
        count = min(rows, height - row)
        block[:count] = pixels[row : row + count]
        cv2.transform(block[:count], weights, sums[:count])
        gray[row : row + count] = sums[:count]  # rounded down
    return gray[:, :, None]
