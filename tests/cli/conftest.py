"""What tests of commands share: a small model, its labels, images it can tell apart, results."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from batchcls.images import ImageRef, Prediction
from batchcls.results.record import ok_line
from tests.support import tiny_models as tiny

BGR = {"blue": (200, 10, 10), "green": (10, 200, 10), "red": (10, 10, 200)}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """It says class 0 for images that have most in their first channel."""
    return tiny.save(tiny.colour_model(), tmp_path / "m.xml")


@pytest.fixture
def names(tmp_path: Path) -> Path:
    path = tmp_path / "names.txt"
    path.write_text("red, crimson\ngreen\nblue\n")
    return path


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for name, colour in BGR.items():
        folder = tmp_path / "photos" / name
        folder.mkdir(parents=True)
        for number in range(3):
            picture = np.full((12, 16 + number, 3), colour, np.uint8)
            assert cv2.imwrite(str(folder / f"{number}.png"), picture)
    return tmp_path / "photos"


@pytest.fixture
def results(tmp_path: Path) -> Path:
    path = tmp_path / "results.jsonl"
    top = [Prediction(0, "cat", 0.9)]
    folders = ["cat", *(f"class {n}" for n in range(1, 3000))]
    lines = (ok_line(ImageRef(n, f"{name}/a.jpg"), top) + b"\n" for n, name in enumerate(folders))
    path.write_bytes(b"".join(lines))
    return path
