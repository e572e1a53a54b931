"""Which photographs the built-in model learns from, and which are kept for the judgement alone."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from jobs.train.builtin_degradations import Image


def split(folders: Sequence[Path], judged: int) -> tuple[list[Path], list[Path]]:
    """Photographs to learn from, and to judge by: so many drawn from the last folder."""
    *others, last = [sorted(folder.glob("*.JPEG")) for folder in folders]
    chosen = set(np.random.default_rng(7).permutation(len(last))[: len(last) - judged])
    learned = [path for number, path in enumerate(last) if number in chosen]
    kept_out = [path for number, path in enumerate(last) if number not in chosen]
    return [*(path for paths in others for path in paths), *learned], kept_out


def drawn(folder: Path, count: int) -> list[tuple[int, Path]]:
    """So many photographs of a folder, each with its place in it."""
    paths = sorted(folder.glob("*.JPEG"))
    return [
        (n, paths[n]) for n in np.random.default_rng(3).permutation(len(paths))[:count].tolist()
    ]


def read(path: Path) -> Image:
    """The photograph, (H, W, 3) BGR."""
    return np.asarray(cv2.imread(str(path), cv2.IMREAD_COLOR), np.uint8)
