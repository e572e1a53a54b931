"""Pictures that look the same have nearly the same hash, on every processor the very same.

Against imagehash itself: `tox -e facts`.
"""

from collections.abc import Iterator

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from batchcls.model.preprocess.perceptual_hash import _gray, perceptual_hash
from tests.support.pictures import waves

Pixels = NDArray[np.uint8]


def distance(one: str, other: str) -> int:
    return (int(one, 16) ^ int(other, 16)).bit_count()


GOLDEN = ["c0a6ecd96072eeb8", "8bbc99a0c4b74f98", "e00f8767973aa274"]


def test_the_hashes_of_some_pictures_stay() -> None:
    assert [perceptual_hash(waves(seed)) for seed in range(3)] == GOLDEN


@pytest.fixture(params=[True, False])
def optimised(request: pytest.FixtureRequest) -> Iterator[None]:
    before = cv2.useOptimized()
    cv2.setUseOptimized(request.param)
    yield
    cv2.setUseOptimized(before)


@pytest.mark.usefixtures("optimised")
def test_gray_is_pillows_whatever_the_processor_has() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (301, 403, 3), np.uint8)
    pixels[0, :2] = 255
    blue, green, red = np.moveaxis(pixels.astype(np.int64), 2, 0)
    expected = (7471 * blue + 38470 * green + 19595 * red + 0x8000) >> 16
    assert (_gray(pixels)[:, :, 0] == expected).all()


def test_pictures_that_look_alike_have_hashes_alike() -> None:
    picture = waves(7)
    own = perceptual_hash(picture)
    coded = cv2.imdecode(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 50])[1], 1)
    smaller = cv2.resize(picture, None, fx=0.4, fy=0.4, interpolation=cv2.INTER_AREA)
    darker = (picture * 0.8).astype(np.uint8)
    for other in (coded, smaller, darker):
        assert distance(own, perceptual_hash(np.asarray(other, np.uint8))) <= 4
    others = [distance(own, perceptual_hash(waves(seed))) for seed in range(20, 40)]
    assert min(others) > 12


@given(st.integers(1, 80), st.integers(1, 80), st.integers(0, 255))
def test_one_colour_has_no_frequencies(height: int, width: int, value: int) -> None:
    flat = np.full((height, width, 3), value, np.uint8)
    assert perceptual_hash(flat) == ("8" if value else "0") + "0" * 15


def test_very_long_pictures_have_one() -> None:
    for shape in ((1, 70_000), (70_000, 1)):
        pixels = np.random.default_rng(2).integers(0, 256, (*shape, 3), np.uint8)
        assert len(perceptual_hash(pixels)) == 16
