"""Draws the pictures that teach the built-in model that flat colour with crisp edges is "ok"."""

import cv2
import numpy as np
from numpy.typing import NDArray

from jobs.train.builtin_degradations import Image, Rng, luma, to_u8


def drawn(rng: Rng) -> Image:
    """A drawn picture (H, W, 3) that is "ok": a gradient, shapes, lines, words, some texture."""
    height, width = (int(side) for side in rng.integers(240, 720, 2))
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    angle = rng.uniform(0, 2 * np.pi)
    ramp = np.cos(angle) * x / width + np.sin(angle) * y / height
    ramp = (ramp - ramp.min()) / np.ptp(ramp)
    first, second = rng.uniform(10, 245, (2, 3))
    image = to_u8(first + (second - first) * ramp[..., None])
    for _ in range(int(rng.integers(4, 26))):
        _draw_one(image, rng)
    if rng.random() < 0.6:
        where = (x < width * rng.uniform(0.3, 1.2))[..., None]
        image = to_u8(image + _texture(height, width, rng) * where)
    # An "ok" picture must be neither dark nor bright nor flat, whatever the colours drawn.
    spread = float(luma(image).std())
    pixels = (image.astype(np.float32) - luma(image).mean()) * max(
        1.0, rng.uniform(40, 62) / spread
    )
    return to_u8(pixels + rng.uniform(90, 160))


def _draw_one(image: Image, rng: Rng) -> None:
    height, width = image.shape[:2]
    colour = tuple(int(c) for c in rng.integers(0, 256, 3))
    points = [(int(rng.integers(0, width)), int(rng.integers(0, height))) for _ in range(4)]
    radius = int(rng.integers(8, max(9, min(height, width) // 4)))
    thick = -1 if rng.random() < 0.7 else int(rng.integers(1, 8))
    edge = cv2.LINE_AA if rng.random() < 0.6 else cv2.LINE_8
    kind = int(rng.integers(0, 5))
    if kind == 0:
        cv2.rectangle(image, points[0], points[1], colour, thick, edge)
    elif kind == 1:
        cv2.circle(image, points[0], radius, colour, thick, edge)
    elif kind == 2:
        cv2.fillPoly(image, [np.array(points, np.int32)], colour, edge)
    elif kind == 3:
        cv2.line(image, points[0], points[1], colour, int(rng.integers(1, 9)), edge)
    else:
        text = "".join(chr(int(c)) for c in rng.integers(65, 91, 6))
        cv2.putText(image, text, points[0], 0, float(rng.uniform(0.5, 3)), colour, 2, edge)


def _texture(height: int, width: int, rng: Rng) -> NDArray[np.float32]:
    """Detail at every scale, (H, W, 1), stronger the larger, as in nature."""
    total = np.zeros((height, width), np.float32)
    strength = float(rng.uniform(0.5, 3))
    for cell in (2, 4, 8, 16, 32, 64):
        grid = rng.standard_normal((height // cell + 2, width // cell + 2), np.float32)
        octave = cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)
        total += octave * np.float32(strength * cell**0.5)
    return total[..., None]
