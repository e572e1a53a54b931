"""Makes the pictures that the suite measures with, out of real photos."""

import argparse
from collections.abc import Callable
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
LARGE = (4000, 3000)
DETAIL = 4.0
"""Pixels. An enlarged photo has nothing finer than twice this; what is finer is added."""
TEXTURE = 0.4
"""How strong the fine detail is, against the photos that it is taken from."""
GRAIN = 3.0
"""Standard deviation of the grain, in steps of 256, before the camera's smoothing."""


def photos_in(folder: Path) -> list[Path]:
    """The photos, sorted by name."""
    return sorted(p for p in folder.iterdir() if p.suffix.lower() in (".jpg", ".jpeg"))


def repeated(photos: Path, folder: Path, times: int) -> Path:
    """Every photo so many times, as links."""
    folder.mkdir()
    for turn in range(times):
        for path in photos_in(photos):
            (folder / f"{turn}-{path.name}").symlink_to(path.resolve())
    return folder


def twelve_megapixels(
    photos: Path, folder: Path, count: int, quality: int, kind: str = "camera"
) -> Path:
    """JPEGs of 4000 by 3000 pixels, or 3000 by 4000 of an upright photo, 4:2:0.

    Args:
        photos: where the photos are.
        folder: to make.
        count: of pictures.
        quality: of the JPEGs.
        kind: one of `KINDS`.
    """
    folder.mkdir(parents=True)
    found = photos_in(photos)
    for number, path in enumerate(found[:count]):
        name = str(folder / f"{path.stem}.jpg")
        image = KINDS[kind](found, number)
        cv2.imwrite(name, image, [
            cv2.IMWRITE_JPEG_QUALITY, quality,
            cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
        ])  # fmt: skip
    return folder


def enlarged(photos: list[Path], number: int, *, sharpened: bool = False) -> Pixels:
    """The middle of a photo, enlarged: what it showed, and nothing finer."""
    image = _read(photos[number])
    if sharpened:
        image = _u8(cv2.addWeighted(image, 1.4, cv2.GaussianBlur(image, (0, 0), 0.8), -0.4, 0.0))
    height, width = image.shape[:2]
    size = LARGE if width >= height else LARGE[::-1]
    scale = min(width / size[0], height / size[1])
    cut = round(size[0] * scale), round(size[1] * scale)
    left, top = (width - cut[0]) // 2, (height - cut[1]) // 2
    image = image[top : top + cut[1], left : left + cut[0]]
    return _u8(cv2.resize(image, size, interpolation=cv2.INTER_LANCZOS4))


def camera(photos: list[Path], number: int) -> Pixels:
    """As a camera gives it: one scene, sharpened, with detail and grain down to the pixel.

    The detail is what another photo, at its own scale and mirrored side by side, has finer than
    the enlarged one can have.
    """
    image = enlarged(photos, number, sharpened=True)
    height, width = image.shape[:2]
    other = _read(photos[(number + len(photos) // 2) % len(photos)])
    detail = TEXTURE * (other - cv2.GaussianBlur(other, (0, 0), DETAIL).astype(np.float32))
    sides = 0, height - other.shape[0], 0, width - other.shape[1]
    texture = cv2.copyMakeBorder(detail.astype(np.int16), *sides, cv2.BORDER_REFLECT)
    shift = np.random.default_rng(number).integers(0, 64, 2)
    grain = _grain()[shift[0] : shift[0] + height, shift[1] : shift[1] + width]
    texture = cv2.add(texture, grain)
    return _u8(cv2.add(image, texture, dtype=cv2.CV_8U))


@cache
def _grain() -> NDArray[np.int16]:
    """More in brightness than in colour, and smoothed a little, as a camera's sensor leaves it."""
    side = max(LARGE) + 64
    chance = np.random.default_rng(0)
    field = chance.standard_normal((side, side, 1), np.float32) * GRAIN
    field = field + chance.standard_normal((side, side, 3), np.float32) * (GRAIN / 2)
    return cv2.GaussianBlur(field, (0, 0), 0.6).round().astype(np.int16)


def mosaic(photos: list[Path], number: int) -> Pixels:
    """Photos side by side: all the detail of real ones, but no one scene and no one answer."""
    image = np.zeros((LARGE[1], LARGE[0], 3), np.uint8)
    at = number
    for top in range(0, LARGE[1], 375):
        for left in range(0, LARGE[0], 500):
            image[top : top + 375, left : left + 500] = cv2.resize(
                _read(photos[at % len(photos)]), (500, 375)
            )
            at += 1
    return image


KINDS: dict[str, Callable[[list[Path], int], Pixels]] = {
    "camera": camera,
    "enlarged": enlarged,
    "mosaic": mosaic,
}


def _read(path: Path) -> Pixels:
    image = cv2.imread(str(path))
    if image is None:
        raise SystemExit(f"{path} is no picture")
    return _u8(image)


def _u8(image: object) -> Pixels:
    """What OpenCV returned for a uint8 array: its stubs call it any number."""
    assert isinstance(image, np.ndarray)
    return image


def small(folder: Path, count: int) -> Path:
    """PNG pictures of 64 by 64 pixels."""
    folder.mkdir()
    noise = np.random.default_rng(0)
    for number in range(count):
        image = noise.integers(0, 255, (8, 8, 3), np.uint8)
        image = cv2.resize(image, (64, 64), interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(folder / f"{number:04}.png"), image)
    return folder


def main() -> None:
    """Makes a folder of large pictures, to look at or to measure with."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("photos", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--quality", type=int, default=85)
    parser.add_argument("--kind", choices=KINDS, default="camera")
    given = parser.parse_args()
    cv2.setNumThreads(1)
    twelve_megapixels(given.photos, given.folder, given.count, given.quality, given.kind)


if __name__ == "__main__":
    main()
