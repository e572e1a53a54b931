"""Draws the demo's images, in a process of its own since it needs OpenCV.

``python -m batchcls.cli.demo_images FOLDER COUNT [MODEL]``: scenes of gradients, shapes and
texture, the same every time, each given the defect that its folder is named after; or, for the
model `imagenet`, the things that their folders are named after.
"""

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

from batchcls.decode.opencv import load
from batchcls.errors import SetupError

CLASSES = ("ok", "blurry", "dark", "overexposed", "low-contrast", "noisy", "blocky")
SIZES = ((480, 360), (640, 480), (360, 480), (400, 400))
SHAPES = 60

Drawing = Any
"""(H, W, 3) float32 BGR, 0..255."""


def scene(rng: np.random.Generator, width: int, height: int) -> Drawing:
    """A sharp, well exposed drawing of nothing in particular, (height, width, 3) float32 BGR."""
    import cv2

    top, bottom = rng.uniform(30, 230, (2, 3))
    share = np.linspace(0, 1, height)[:, None, None]
    drawing = np.ascontiguousarray(
        np.broadcast_to(top * (1 - share) + bottom * share, (height, width, 3)).astype(np.float32)
    )
    for _ in range(SHAPES):
        colour = tuple(map(float, rng.uniform(0, 255, 3)))
        x, y = int(rng.uniform(0, width)), int(rng.uniform(0, height))
        size = int(rng.uniform(10, 90))
        match int(rng.integers(4)):
            case 0:
                cv2.circle(drawing, (x, y), size // 2, colour, -1, cv2.LINE_AA)
            case 1:
                corners = rng.uniform(-size, size, (5, 2)) + np.array((x, y))
                cv2.fillPoly(drawing, [corners.astype(np.int32)], colour, cv2.LINE_AA)
            case 2:
                end = (x + int(rng.uniform(-200, 200)), y + int(rng.uniform(-200, 200)))
                cv2.line(drawing, (x, y), end, colour, 2, cv2.LINE_AA)
            case _:
                cv2.rectangle(drawing, (x, y), (x + size, y + size // 2), colour, -1)
    drawing = drawing + _texture(rng, width, height)
    # As a camera exposes it: neither dark nor bright nor flat, whatever was drawn.
    drawing = (drawing - drawing.mean()) * (rng.uniform(48, 60) / drawing.std())
    return np.clip(drawing + rng.uniform(105, 145), 0, 255)


def _texture(rng: np.random.Generator, width: int, height: int) -> Drawing:
    """Detail at every scale, as photographs have it: octaves of noise, (height, width, 1)."""
    import cv2

    total = np.zeros((height, width), np.float32)
    for cell in (2, 8, 32):
        grid = rng.normal(0, 1, (height // cell + 2, width // cell + 2)).astype(np.float32)
        total += cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC) * 3
    return total[..., None]


def spoil(drawing: Drawing, defect: str, rng: np.random.Generator) -> Drawing:
    """The drawing with a defect, plain to see; "ok" is the drawing itself."""
    import cv2

    match defect:
        case "blurry":
            return cv2.GaussianBlur(drawing, (0, 0), float(rng.uniform(4, 7)))
        case "dark":
            return drawing * (float(rng.uniform(12, 32)) / drawing.mean())
        case "overexposed":
            return np.minimum(drawing * (float(rng.uniform(330, 420)) / drawing.mean()), 255)
        case "low-contrast":
            factor = float(rng.uniform(7, 14)) / drawing.std()
            return (drawing - drawing.mean()) * factor + float(rng.uniform(100, 170))
        case "noisy":
            return drawing + rng.normal(0, float(rng.uniform(28, 50)), drawing.shape)
    return drawing


def defects(number: int, rng: np.random.Generator) -> tuple[str, Drawing, int]:
    """An image for photo quality: what it is, drawing, JPEG quality."""
    defect = CLASSES[number % len(CLASSES)]
    drawing = spoil(scene(rng, *SIZES[number % len(SIZES)]), defect, rng)
    return defect, drawing, int(rng.integers(3, 8)) if defect == "blocky" else 90


def objects(number: int, rng: np.random.Generator) -> tuple[str, Drawing, int]:
    """An image for ImageNet's classes: the same."""
    from batchcls.cli.demo_objects import OBJECTS

    label = list(OBJECTS)[number % len(OBJECTS)]
    return label, OBJECTS[label](rng), 90


def write(folder: Path, count: int, model: str = "") -> None:
    """Draw images into folders named after what they are, and one that is no image.

    Stops when the process that asked for them has died.

    Args:
        folder: is made; images of earlier demos in it are written over.
        count: how many, the broken one included.
        model: "imagenet", or "" for photo quality.
    """
    import cv2

    parent, draw = os.getppid(), objects if model == "imagenet" else defects
    for number in range(max(count - 1, 0)):
        if os.getppid() != parent:
            return
        name, drawing, quality = draw(number, np.random.default_rng(number))
        flags = [cv2.IMWRITE_JPEG_QUALITY, quality]
        data = cv2.imencode(".jpg", np.clip(drawing, 0, 255).astype(np.uint8), flags)[1].tobytes()
        place = folder / name
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{number:05}.jpg").write_bytes(data)
    broken = folder / draw(0, np.random.default_rng(0))[0] / "broken.jpg"
    broken.parent.mkdir(parents=True, exist_ok=True)
    broken.write_bytes(b"\xff\xd8\xff\xe0\x00\x10JFIF\x00 and then the disk was full")


if __name__ == "__main__":
    try:
        load()
    except SetupError as error:
        sys.exit(str(error))
    write(Path(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])
