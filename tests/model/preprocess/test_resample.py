import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchcls.model.preprocess import resample
from batchcls.model.preprocess.resample import resize

GOLDEN = json.loads((Path(__file__).parent / "pillow_golden.json").read_text())
IMAGE = np.array(GOLDEN["image"], np.uint8).reshape(GOLDEN["shape"])


@pytest.mark.parametrize(
    "case",
    GOLDEN["cases"],
    ids=lambda case: f"{case['interpolation']}-{case['size']}-{case.get('box', 'whole')}",
)
def test_equal_to_pillow(case: dict[str, Any]) -> None:
    width, height = case["size"]
    box = tuple(case["box"]) if "box" in case else None
    got = resize(IMAGE, (width, height), (0, 0, width, height), str(case["interpolation"]), box)
    assert (got.reshape(-1) == case["pixels"]).all()


@given(st.integers(1, 40), st.integers(1, 40), st.data(), st.sampled_from(sorted(resample.FILTERS)))
def test_a_window_is_that_part_of_the_whole(
    width: int, height: int, data: st.DataObject, interpolation: str
) -> None:
    left, top = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    right, bottom = data.draw(st.integers(left + 1, width)), data.draw(st.integers(top + 1, height))
    whole = resize(IMAGE, (width, height), (0, 0, width, height), interpolation)
    window = resize(IMAGE, (width, height), (left, top, right, bottom), interpolation)
    assert (whole[top:bottom, left:right] == window).all()


def exactly(image: np.ndarray, size: tuple[int, int], interpolation: str) -> np.ndarray:
    """The same resize in whole numbers, one output after the other."""
    for old, new in ((image.shape[1], size[0]), (image.shape[0], size[1])):
        image = image.swapaxes(0, 1)
        lows, highs, whole = resample._coefficients(old, 0, old, new, 0, new, interpolation)
        weights = whole.astype(np.int64)
        image = np.stack(
            [
                np.tensordot(row[: b - a], image[a:b].astype(np.int64), 1)
                for a, b, row in zip(lows, highs, weights, strict=True)
            ]
        )
        image = ((image + resample._PRECISION // 2) >> 22).clip(0, 255)
    return image.astype(np.uint8)


@pytest.mark.parametrize("new", [(1, 1), (1, 4), (4, 1), (2, 2)])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_few_pixels(new: tuple[int, int], channels: int) -> None:
    """A sum of 0.5 rounds up, and OpenCV takes some small matrices for one number per channel."""
    image = np.full((8, 8, channels), 1, np.uint8)
    image[::2] = 0
    got = resize(image, new, (0, 0, *new), "pillow_box")
    assert got.shape == (new[1], new[0], channels)
    assert (got == exactly(image, new, "pillow_box")).all()


@pytest.mark.parametrize("interpolation", sorted(resample.FILTERS))
def test_halves_at_a_border(interpolation: str) -> None:
    """Sums that float32 cannot tell from a half, with a border of another colour per channel."""
    image = np.zeros((6, 6, 3), np.uint8)
    image[1::2, ::3] = 1
    whole = np.empty((8, 8, 3), np.uint8)
    whole[:] = (1, 0, 3)
    whole[1:7, 1:7] = image
    got = resize(image, (4, 4), (0, 0, 4, 4), interpolation, (-1, -1, 7, 7), (1, 0, 3))
    assert (got == exactly(whole, (4, 4), interpolation)).all()


def test_float32_is_in_doubt_where_it_errs() -> None:
    """Of random pixels, some sums in float32 round to another step than exact ones."""
    image = np.random.default_rng(5).integers(0, 256, (300, 400, 3), np.uint8)
    got = resize(image, (190, 140), (0, 0, 190, 140), "pillow_lanczos")
    assert (got == exactly(image, (190, 140), "pillow_lanczos")).all()


def test_blocks_of_rows_change_nothing() -> None:
    """So wide that a block has 32 rows, and the last one 8."""
    image = np.random.default_rng(3).integers(0, 256, (40, 12_600, 3), np.uint8)
    got = resize(image, (7, 31), (0, 0, 7, 31), "pillow_bicubic")
    assert (got == exactly(image, (7, 31), "pillow_bicubic")).all()


def test_blocks_of_columns_change_nothing() -> None:
    """So high that a block has 32 columns, and the last one 4; with a border around the picture."""
    image = np.random.default_rng(4).integers(0, 256, (3000, 80, 3), np.uint8)
    whole = np.full((3200, 100, 3), (10, 200, 30), np.uint8)
    whole[100:3100, 10:90] = image
    size = (100, 31)
    got = resize(image, size, (0, 0, *size), "pillow_bicubic", (-10, -100, 90, 3100), (10, 200, 30))
    assert (got == exactly(whole, size, "pillow_bicubic")).all()


@pytest.mark.runs
@pytest.mark.parametrize("interpolation", sorted(resample.FILTERS))
@pytest.mark.parametrize(
    ("old", "new"),
    [((700, 90), (31, 33)), ((2600, 5), (10, 4)), ((9000, 3), (11, 2)), ((20, 30), (50, 40))],
)
@pytest.mark.parametrize("bright", [False, True])
def test_sums_are_exact(
    interpolation: str, old: tuple[int, int], new: tuple[int, int], bright: bool
) -> None:
    """At every number of inputs per output, and where all sums are as large as they can be."""
    image = np.random.default_rng(5).integers(250 * bright, 256, (old[1], old[0], 3), np.uint8)
    got = resize(image, new, (0, 0, *new), interpolation)
    assert (got == exactly(image, new, interpolation)).all()
