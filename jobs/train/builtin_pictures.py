"""Makes the pictures that the built-in model learns from and is judged by, good and faulty."""

from collections.abc import Iterator

import cv2
import numpy as np

from jobs.train.builtin_degradations import LABELS, Image, Rng, degrade, framed, jpeg, to_u8, view
from jobs.train.builtin_drawings import drawn

UNTOUCHED, FRAMED, CUT_OUT, SHARPENED = 10, 11, 12, 13
"""Kinds of "ok" pictures beside `LABELS`, whose numbers are kinds too."""


def pictures(photo: Image, number: int, seed: int, variants: int) -> Iterator[tuple[int, Image]]:
    """Views (320, 320, 3) BGR of a photograph, with their kinds: 1 + 11 for each variant.

    Each has a generator of its own, so that the order in which they are made changes nothing.
    """
    yield UNTOUCHED, view(photo)
    for label, name in enumerate(LABELS):
        for variant in range(variants * (1 if label else 2)):
            rng = np.random.default_rng([seed, number, label, variant])
            chance, image = rng.random(), photo
            if chance < 0.08:
                image = drawn(rng)
            elif chance < 0.18:
                image = cut_out(photo, rng)
            yield label, view(degrade(image, name, rng))
    for variant in range(variants):
        rng = np.random.default_rng([seed, number, 50, variant])
        yield CUT_OUT, view(degrade(cut_out(photo, rng), "ok", rng))
        rng = np.random.default_rng([seed, number, 51, variant])
        crisp = sharpened(framed(photo, rng), rng)
        yield SHARPENED, view(jpeg(crisp, int(rng.integers(80, 98))))
        rng = np.random.default_rng([seed, number, 52, variant])
        yield FRAMED, view(framed(photo, rng))


def cut_out(image: Image, rng: Rng) -> Image:
    """The middle of a photograph, in a wavy outline, on white or black, sometimes over a shadow."""
    height, width = image.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    cy, cx = height * rng.uniform(0.4, 0.6), width * rng.uniform(0.4, 0.6)
    ry, rx = height * rng.uniform(0.22, 0.45), width * rng.uniform(0.22, 0.45)
    angle = np.arctan2((y - cy) / ry, (x - cx) / rx)
    wavy = 1 + sum(
        rng.uniform(-0.12, 0.12) * np.cos(waves * angle + rng.uniform(0, 6.3))
        for waves in (2, 3, 5)
    )
    distance = np.hypot((y - cy) / ry, (x - cx) / rx) / wavy
    inside = np.clip((1 - distance) / rng.uniform(0.01, 0.06) + 0.5, 0, 1)[..., None]
    if rng.random() < 0.7:
        plain = (
            np.full(3, rng.uniform(238, 255)) if rng.random() < 0.8 else rng.uniform(225, 255, 3)
        )
    else:
        plain = np.full(3, rng.uniform(0, 18))
    behind = plain + np.zeros_like(image, np.float32)
    if rng.random() < 0.5:
        shadow = np.exp(-(((y - cy - ry) / (0.25 * ry)) ** 2 + ((x - cx) / rx) ** 2))[..., None]
        behind = behind * (1 - rng.uniform(0.1, 0.5) * shadow)
    return to_u8(image * inside + behind * (1 - inside))


def sharpened(image: Image, rng: Rng) -> Image:
    """Unsharp mask of sigma 0.8..2 by 0.4..1.6: more texture than any photograph has."""
    pixels = image.astype(np.float32)
    soft = cv2.GaussianBlur(pixels, (0, 0), float(rng.uniform(0.8, 2)))
    return to_u8(pixels + (pixels - soft) * float(rng.uniform(0.4, 1.6)))
