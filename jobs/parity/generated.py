"""Draws the pictures that photographs do not cover: odd sizes, every mode, every orientation."""

import io
from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]

SIZES = (
    (37, 23), (225, 223), (223, 225), (301, 299), (224, 224), (256, 256), (448, 448), (640, 480),
    (1, 1), (2, 3), (16, 12), (100, 60), (223, 223),
    (500, 1), (1, 500), (3, 500), (2000, 10), (10, 2000), (5000, 7), (1500, 300), (255, 1021),
    (3000, 2000),
)  # fmt: skip
"""(width, height)"""


def textured(width: int, height: int, seed: int = 0) -> Pixels:
    """Slopes, edges and noise, RGB: what resizing has to get right, and no symmetry."""
    random = np.random.default_rng((width, height, seed))
    x, y = np.linspace(0, 1, width)[None, :], np.linspace(0, 1, height)[:, None]
    base = np.stack([x + 0 * y, y + 0 * x, (x + y) / 2], -1) * 200
    waves = 40 * np.sin((40 * x * y)[..., None] + np.arange(3))
    blocks = ((x * 9).astype(int) + (y * 7).astype(int)) % 2 * 60
    noise = random.normal(0, 18, (height, width, 3))
    found: Pixels = (base + waves + blocks[..., None] + noise).clip(0, 255).astype(np.uint8)
    return found


def pictures() -> Iterator[tuple[str, bytes]]:
    """(name, file) of every generated picture."""
    for width, height in SIZES:
        yield f"{width}x{height}.png", _save(Image.fromarray(textured(width, height)), "PNG")
    yield from _modes()
    yield from _orientations()


def _modes() -> Iterator[tuple[str, bytes]]:
    picture = Image.fromarray(textured(401, 303))
    odd = Image.fromarray(textured(333, 251))
    alpha = picture.copy()
    alpha.putalpha(Image.fromarray(textured(401, 303, 1)[:, :, 0]))
    deep = (textured(401, 303).astype(np.uint16) << 8) + textured(401, 303, 2)
    yield "gray.jpg", _save(picture.convert("L"), "JPEG", quality=92)
    yield "gray.png", _save(picture.convert("L"), "PNG")
    yield "one bit.png", _save(picture.convert("1"), "PNG")
    yield "cmyk.jpg", _save(picture.convert("CMYK"), "JPEG", quality=92)
    yield "cmyk.tif", _save(picture.convert("CMYK"), "TIFF")
    yield "16 bit gray.png", _save(Image.fromarray(deep[:, :, 1]), "PNG")
    yield "16 bit rgb.png", cv2.imencode(".png", deep[:, :, ::-1])[1].tobytes()
    yield "16 bit gray.tif", _save(Image.fromarray(deep[:, :, 1]), "TIFF")
    yield "alpha.png", _save(alpha, "PNG")
    yield "gray alpha.png", _save(alpha.convert("LA"), "PNG")
    yield "palette.png", _save(picture.convert("P", palette=Image.Palette.ADAPTIVE), "PNG")
    yield "palette alpha.png", _save(alpha.quantize(100), "PNG")
    yield "palette.gif", _save(picture.convert("P", palette=Image.Palette.ADAPTIVE), "GIF")
    yield "animated.gif", _save(picture, "GIF", save_all=True, append_images=[odd])
    yield "24 bit.bmp", _save(picture, "BMP")
    yield "deflated.tif", _save(picture, "TIFF", compression="tiff_deflate")
    yield "lossless.webp", _save(picture, "WEBP", lossless=True)
    yield "lossy.webp", _save(picture, "WEBP", quality=80)
    yield "alpha.webp", _save(alpha, "WEBP", lossless=True, exact=True)
    for sampling, name in ((0, "444"), (1, "422"), (2, "420")):
        yield f"{name}.jpg", _save(odd, "JPEG", quality=90, subsampling=sampling)
    yield "progressive.jpg", _save(odd, "JPEG", quality=75, progressive=True)
    yield "coarse.jpg", _save(odd, "JPEG", quality=20)


def _orientations() -> Iterator[tuple[str, bytes]]:
    picture = Image.fromarray(textured(310, 230))
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        yield f"exif {orientation}.jpg", _save(picture, "JPEG", quality=92, exif=exif)
    exif = Image.Exif()
    exif[0x0112] = 6
    yield "exif 6.png", _save(picture, "PNG", exif=exif)
    yield "exif 6.webp", _save(picture, "WEBP", lossless=True, exif=exif)
    yield "exif 6.tif", _save(picture, "TIFF", exif=exif)


def _save(picture: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()
