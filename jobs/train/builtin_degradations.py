"""Decides what "blurry", "dark" or "blocky" means: the degradations the built-in model learns from.

Rules:

1. Every strength is drawn so that the label is visible at the model's own view (a centre square of
   320 x 320); what is milder than the stated threshold is part of "ok".
2. Exposure and contrast are aimed at a result (mean, spread), not at a factor: one stop more is
   right for one photograph and ruins another.
3. What a camera or a web site would save as JPEG goes through JPEG here, after the degradation.
4. All randomness comes from the generator that is passed in.
"""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Rng = np.random.Generator

LABELS = ("ok", "blurry", "dark", "overexposed", "low-contrast", "noisy", "blocky")
VIEW = 320


def luma(image: NDArray[Any]) -> NDArray[np.float32]:
    """Rec. 601 luma (H, W) of a BGR image (H, W, 3), 0..255."""
    weights = np.array([0.114, 0.587, 0.299], np.float32)
    return np.asarray(image.astype(np.float32) @ weights, np.float32)


def view(image: Image) -> Image:
    """What the model sees: resize_type `crop` (centre square), LINEAR, to (VIEW, VIEW, 3)."""
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = image[top : top + side, left : left + side]
    return to_u8(cv2.resize(square, (VIEW, VIEW), interpolation=cv2.INTER_LINEAR))


def jpeg(image: Image, quality: int) -> Image:
    """The image after one trip through a JPEG file of that quality."""
    data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return to_u8(cv2.imdecode(data, cv2.IMREAD_COLOR))


def degrade(image: Image, label: str, rng: Rng) -> Image:
    """The image (H, W, 3) BGR made into an example of the label, as it would come from a file."""
    return _DEGRADATIONS[label](framed(image, rng), rng)


def framed(image: Image, rng: Rng) -> Image:
    """A part of the image, at one of the sizes that images have."""
    return _resized(_framed(image, rng), rng)


def to_u8(image: Any) -> Image:
    """Rounded and clipped to 0..255."""
    return np.asarray(np.clip(np.rint(image), 0, 255), np.uint8)


def _framed(image: Image, rng: Rng) -> Image:
    """A random square of at least 70 % of the short side, sometimes mirrored or without colour."""
    height, width = image.shape[:2]
    side = int(min(height, width) * rng.uniform(0.7, 1.0))
    top, left = int(rng.integers(0, height - side + 1)), int(rng.integers(0, width - side + 1))
    image = image[top : top + side, left : left + side]
    if rng.random() < 0.5:
        image = image[:, ::-1]
    if rng.random() < 0.06:
        image = np.repeat(to_u8(luma(image))[..., None], 3, axis=2)
    return np.ascontiguousarray(image)


def _resized(image: Image, rng: Rng) -> Image:
    """Side as it is (40 %), or 64..900: thumbnails, web images, camera files."""
    if rng.random() < 0.4:
        return image
    short = min(image.shape[:2])
    low, high = (64.0, 200.0) if rng.random() < 0.2 else (200.0, 900.0)
    wanted = float(np.exp(rng.uniform(np.log(low), np.log(high))))
    scale = min(wanted / short, 2.5)
    size = tuple(max(48, round(side * scale)) for side in image.shape[1::-1])
    if scale > 1:
        how = cv2.INTER_CUBIC
    else:
        how = cv2.INTER_LINEAR if rng.random() < 0.25 else cv2.INTER_AREA
    return to_u8(cv2.resize(image, size, interpolation=how))


def _pixels_per_view_pixel(image: Image) -> float:
    """How many image pixels one pixel of the model's view spans (at least 1)."""
    return max(1.0, float(min(image.shape[:2])) / VIEW)


def _saved(image: Image, rng: Rng) -> Image:
    """As saved: JPEG 60..95 four times in five, else lossless."""
    return jpeg(image, int(rng.integers(60, 96))) if rng.random() < 0.8 else image


# --- blur -----------------------------------------------------------------------------------------


def _gaussian(image: Image, sigma: float) -> Image:
    return to_u8(cv2.GaussianBlur(image, (0, 0), sigma))


def _disk(radius: float) -> NDArray[np.float32]:
    reach = int(np.ceil(radius))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    kernel = np.clip(radius + 0.5 - np.hypot(x, y), 0, 1).astype(np.float32)
    return np.asarray(kernel / kernel.sum(), np.float32)


def _streak(length: float, rng: Rng) -> NDArray[np.float32]:
    """A line, sometimes bent, as a camera in motion draws a point."""
    side = int(np.ceil(length)) | 1
    kernel = np.zeros((side, side), np.float32)
    angle, bend = rng.uniform(0, np.pi), rng.normal(0, 0.3)
    for t in np.linspace(-0.5, 0.5, side * 4):
        x = length * t * np.cos(angle + bend * t)
        y = length * t * np.sin(angle + bend * t)
        column, row = round(side // 2 + x), round(side // 2 + y)
        if 0 <= row < side and 0 <= column < side:
            kernel[row, column] += 1
    return np.asarray(kernel / kernel.sum(), np.float32)


def _blurry(image: Image, rng: Rng) -> Image:
    """Gaussian sigma 1.8..6, defocus radius 3..9 or motion 9..30 pixels of the view."""
    unit = _pixels_per_view_pixel(image)
    kind = rng.random()
    if kind < 0.4:
        image = _gaussian(image, unit * float(np.exp(rng.uniform(np.log(1.8), np.log(6)))))
    elif kind < 0.7:
        radius = unit * float(np.exp(rng.uniform(np.log(3), np.log(9))))
        image = to_u8(cv2.filter2D(image, -1, _disk(radius)))
    else:
        length = unit * float(np.exp(rng.uniform(np.log(9), np.log(30))))
        image = to_u8(cv2.filter2D(image, -1, _streak(length, rng)))
    if rng.random() < 0.3:
        image = _noise(image, float(rng.uniform(1, 3)), rng)
    return _saved(image, rng)


# --- exposure and contrast ------------------------------------------------------------------------


def _dark(image: Image, rng: Rng) -> Image:
    """Scaled or bent down to a mean luma of 8..42, at most 0.55 of what it was."""
    mean = float(luma(image).mean())
    target = min(float(rng.uniform(8, 42)), 0.55 * mean)
    pixels = image.astype(np.float32) / 255
    out: Any
    if rng.random() < 0.5:
        out = pixels * (target / max(mean, 1.0))
    else:
        gray, low, high = luma(image) / 255, 1.0, 12.0
        for _ in range(12):
            gamma = (low + high) / 2
            low, high = (gamma, high) if (gray**gamma).mean() * 255 > target else (low, gamma)
        out = pixels**high
    out = to_u8(out * 255)
    if rng.random() < 0.4:
        out = _noise(out, float(rng.uniform(1, 6)), rng)
    return _saved(out, rng)


def _overexposed(image: Image, rng: Rng) -> Image:
    """Brightened until the mean luma is 195..250 and at least 22 % more of it is clipped."""
    gray = luma(image)
    target = float(rng.uniform(195, 250))
    clipped = min(0.9, float((gray >= 250).mean()) + float(rng.uniform(0.22, 0.4)))
    lift = float(rng.uniform(0.6, 1.0)) if rng.random() < 0.5 else 1.0
    gain = 1.15
    lifted = (gray / 255) ** lift * 255
    while gain < 12:
        out = np.minimum(lifted * gain, 255)
        if out.mean() >= target and (out >= 250).mean() >= clipped:
            break
        gain *= 1.06
    return _saved(to_u8((image.astype(np.float32) / 255) ** lift * 255 * gain), rng)


def _flattened(image: Image, factor: float, mean: float) -> Image:
    pixels = image.astype(np.float32)
    return to_u8((pixels - luma(image).mean()) * factor + mean)


def _low_contrast(image: Image, rng: Rng) -> Image:
    """Spread (standard deviation of luma) pressed to 5..19, at most 0.4 of what it was."""
    spread = max(float(luma(image).std()), 1.0)
    factor = min(float(rng.uniform(5, 19)) / spread, 0.4)
    return _saved(_flattened(image, factor, float(rng.uniform(75, 200))), rng)


# --- noise and blocks -----------------------------------------------------------------------------


def _noise(image: Image, sigma: float, rng: Rng) -> Image:
    """Gaussian or Poisson noise, per channel or in luma only; sigma is that of middle gray."""
    pixels = image.astype(np.float32)
    channels = 1 if rng.random() < 0.4 else 3
    grain = rng.standard_normal((*image.shape[:2], channels), np.float32) * np.float32(sigma)
    if rng.random() < 0.4:
        # Poisson at these counts is Gaussian with a variance that grows with the light.
        grain = grain * np.sqrt(np.maximum(pixels, 4) / 128)
    return to_u8(pixels + grain)


def _noisy(image: Image, rng: Rng) -> Image:
    """Sigma 14..50 at the image's own scale, before JPEG 75..95, or after it."""
    noisy = _noise(image, float(np.exp(rng.uniform(np.log(14), np.log(50)))), rng)
    if rng.random() < 0.08:
        hit = rng.random(image.shape[:2])
        share = float(rng.uniform(0.01, 0.06))
        noisy = image.copy()
        noisy[hit < share] = 255
        noisy[hit > 1 - share] = 0
    return jpeg(noisy, int(rng.integers(75, 96))) if rng.random() < 0.7 else noisy


def _blocky(image: Image, rng: Rng) -> Image:
    """JPEG quality 3..11, or mosaics of 3..10 pixels of the view.

    At most 1.6 image pixels to one of the view: the model cannot see smaller blocks.
    """
    largest = VIEW * 1.6
    if min(image.shape[:2]) > largest:
        scale = largest / min(image.shape[:2])
        image = to_u8(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))
    height, width = image.shape[:2]
    if rng.random() < 0.12:
        cell = _pixels_per_view_pixel(image) * float(rng.uniform(3, 10))
        small = (max(6, round(width / cell)), max(6, round(height / cell)))
        coarse = cv2.resize(image, small, interpolation=cv2.INTER_AREA)
        mosaic = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_NEAREST)
        return _saved(to_u8(mosaic), rng)
    image = jpeg(image, int(rng.integers(3, 12)))
    if rng.random() < 0.3:
        scale = float(rng.uniform(0.75, 1.5))
        image = to_u8(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR))
        image = _saved(image, rng)
    return image


def _ok(image: Image, rng: Rng) -> Image:
    """Untouched, or mildly touched.

    Blur up to 0.6, exposure x 0.75..1.25, contrast x 0.7..1.1, noise up to 4, JPEG from 40 up.
    """
    if rng.random() < 0.25:
        return image
    if rng.random() < 0.25:
        image = _gaussian(image, _pixels_per_view_pixel(image) * float(rng.uniform(0.2, 0.6)))
    if rng.random() < 0.3:
        gain, mean = float(rng.uniform(0.75, 1.25)), float(luma(image).mean())
        if 65 < mean * gain < 170:
            image = to_u8(image.astype(np.float32) * gain)
    if rng.random() < 0.25:
        factor, gray = float(rng.uniform(0.7, 1.1)), luma(image)
        if gray.std() * factor > 35:
            image = _flattened(image, factor, float(gray.mean() + rng.normal(0, 8)))
    if rng.random() < 0.3:
        image = _noise(image, float(rng.uniform(0.5, 4)), rng)
    return jpeg(image, int(rng.integers(40, 97))) if rng.random() < 0.7 else image


_DEGRADATIONS: dict[str, Callable[[Image, Rng], Image]] = {
    "ok": _ok,
    "blurry": _blurry,
    "dark": _dark,
    "overexposed": _overexposed,
    "low-contrast": _low_contrast,
    "noisy": _noisy,
    "blocky": _blocky,
}
