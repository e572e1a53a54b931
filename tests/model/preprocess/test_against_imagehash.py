"""The perceptual hash is imagehash's: `tox -e facts` has the two libraries that this needs."""

import cv2
import numpy as np
import pytest

from batchcls.model.preprocess.perceptual_hash import perceptual_hash
from tests.support.pictures import waves

imagehash = pytest.importorskip("imagehash", reason="tox -e facts")


@pytest.mark.parametrize("size", [(300, 400), (33, 31), (1200, 900), (5, 7), (64, 3000)])
def test_the_bits_are_imagehashs(size: tuple[int, int]) -> None:
    from PIL import Image

    for seed in range(20):
        noise = np.random.default_rng(seed).normal(0, 6, (*size, 3))
        pixels = np.clip(waves(seed, *size) + noise, 0, 255).astype(np.uint8)
        image = Image.fromarray(np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)))
        assert perceptual_hash(pixels) == str(imagehash.phash(image))
