"""Makes the pictures that the suite measures with, out of real photos."""

from pathlib import Path

import cv2
import numpy as np


def repeated(photos: Path, folder: Path, times: int) -> Path:
    """Every photo so many times, as links."""
    folder.mkdir()
    found = sorted(p for p in photos.iterdir() if p.suffix.lower() in (".jpg", ".jpeg"))
    for turn in range(times):
        for path in found:
            (folder / f"{turn}-{path.name}").symlink_to(path.resolve())
    return folder


def twelve_megapixels(photos: Path, folder: Path, count: int, quality: int) -> Path:
    """Photos of 4000 by 3000 pixels: each one enlarged, so that it shows what it showed."""
    folder.mkdir()
    found = sorted(p for p in photos.iterdir() if p.suffix.lower() in (".jpg", ".jpeg"))
    for path in found[:count]:
        image = cv2.imread(str(path))
        if image is None:
            raise SystemExit(f"{path} is no picture")
        large = cv2.resize(image, (4000, 3000), interpolation=cv2.INTER_CUBIC)
        name = str(folder / f"{path.stem}.jpg")
        cv2.imwrite(name, large, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return folder


def small(folder: Path, count: int) -> Path:
    """PNG pictures of 64 by 64 pixels."""
    folder.mkdir()
    noise = np.random.default_rng(0)
    for number in range(count):
        image = noise.integers(0, 255, (8, 8, 3), np.uint8)
        image = cv2.resize(image, (64, 64), interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(folder / f"{number:04}.png"), image)
    return folder
