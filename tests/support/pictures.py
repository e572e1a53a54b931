"""Draws pictures whose quality nobody could argue about, without a file of real data."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]


def scene(side: int = 480) -> Image:
    """A sharp, well-lit drawing (side, side, 3) BGR: a sloping sky, a house, a sun, a fence."""
    y, x = np.mgrid[0:side, 0:side].astype(np.float32) / side
    sky = np.stack([220 - 120 * y, 150 - 60 * y + 20 * x, 90 + 60 * x], axis=2)
    image = np.clip(sky, 0, 255).astype(np.uint8)

    def at(px: float, py: float) -> tuple[int, int]:
        return int(px * side), int(py * side)

    cv2.rectangle(image, at(0, 0.7), at(1, 1), (40, 110, 60), -1)
    cv2.rectangle(image, at(0.3, 0.4), at(0.7, 0.8), (60, 80, 190), -1)
    roof = np.array([at(0.25, 0.4), at(0.5, 0.2), at(0.75, 0.4)], np.int32)
    cv2.fillPoly(image, [roof], (30, 30, 70), cv2.LINE_AA)
    cv2.rectangle(image, at(0.37, 0.5), at(0.47, 0.6), (230, 220, 200), -1)
    cv2.rectangle(image, at(0.53, 0.55), at(0.63, 0.8), (20, 40, 60), -1)
    cv2.circle(image, at(0.85, 0.15), side // 14, (120, 230, 250), -1, cv2.LINE_AA)
    for post in range(12):
        px = 0.02 + post * 0.085
        cv2.line(image, at(px, 0.84), at(px, 0.95), (200, 210, 220), max(1, side // 120))
    return _u8(image)


def darkened(image: Image) -> Image:
    """A tenth of the light."""
    return _u8(image * 0.1)


def washed_out(image: Image) -> Image:
    """Gain 3.5: most of it clips to white."""
    return _u8(image * 3.5)


def flattened(image: Image) -> Image:
    """Contrast pressed to an eighth around middle gray."""
    return _u8((image - 128.0) / 8 + 128)


def grained(image: Image) -> Image:
    """Gaussian noise of sigma 30."""
    return _u8(image + np.random.default_rng(5).normal(0, 30, image.shape))


def smeared(image: Image) -> Image:
    """Gaussian blur, a hundredth of the side wide."""
    return _u8(cv2.GaussianBlur(image, (0, 0), image.shape[0] / 100))


def squeezed(image: Image) -> Image:
    """JPEG at quality 4."""
    data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 4])[1]
    return _u8(cv2.imdecode(data, cv2.IMREAD_COLOR))


def _u8(image: Any) -> Image:
    return np.asarray(np.clip(np.rint(image), 0, 255), np.uint8)


def waves(seed: int, height: int = 300, width: int = 400) -> NDArray[np.uint8]:
    """A picture of soft shapes, as photographs are."""
    small = np.random.default_rng(seed).integers(0, 256, (9, 12, 3), np.uint8)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)
