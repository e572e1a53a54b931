"""What size a model needs, what decoding makes of it, and what the model then sees."""

import math
from pathlib import Path

import numpy as np
import pytest

from batchcls.decode.decode import decode, decode_picture
from batchcls.decode.policy import HEADROOM, DecodePolicy
from batchcls.images import Picture
from batchcls.job.job import Job
from batchcls.job.threads import Threads
from batchcls.model.infer.classifier import Classifier
from batchcls.model.preprocess import spatial
from batchcls.model.preprocess.preprocess import Preprocess
from tests.support.tiny_models import echo_model, save

pytestmark = pytest.mark.runs


def _needs(tmp_path: Path, resize_type: str) -> tuple[int, int] | None:
    model = save(echo_model(28, 14), tmp_path / "m.xml")
    job = Job(sources=("x",), model=str(model), resize_type=resize_type)
    classifier = Classifier.open(job, Threads(nthreads=1))
    try:
        return classifier.needs
    finally:
        classifier.close()


@pytest.mark.parametrize(
    ("resize_type", "needs"),
    [
        ("standard", (14, 28)),
        ("crop", (14, 28)),
        ("shortest_edge", (16, 32)),
        ("squash", (16, 32)),
        ("centre_fraction", (16, 32)),
    ],
)
def test_a_model_needs_what_its_resize_makes(
    tmp_path: Path, resize_type: str, needs: tuple[int, int]
) -> None:
    assert _needs(tmp_path, resize_type) == needs


def test_only_reduced_decoding_asks_for_less() -> None:
    assert DecodePolicy().at_least((14, 28)) is None
    assert DecodePolicy(reduced=True).at_least(None) is None
    assert DecodePolicy(reduced=True).at_least((14, 28)) == (
        math.ceil(HEADROOM * 14),
        math.ceil(HEADROOM * 28),
    )
    assert DecodePolicy(reduced=True).as_dict() != DecodePolicy().as_dict()


RESIZES = {
    "standard": None,
    "crop": None,
    "fit_to_window": None,
    "fit_to_window_letterbox": None,
    "shortest_edge": (36, 36),
    "squash": (36, 40),
    "border": (40, 40),
    "centre_fraction": None,
}


def waves(width: int, height: int) -> np.ndarray:
    """A picture that tells a shift of one of its pixels by several steps of brightness."""
    x, y = np.arange(width)[None, :, None], np.arange(height)[:, None, None]
    wave = np.sin(x * 0.11 + np.array([0, 2, 4])) * np.cos(y * 0.09 + np.array([1, 3, 5]))
    found: np.ndarray = (128 + 100 * wave).astype(np.uint8)
    return found


@pytest.mark.parametrize("resize_type", RESIZES)
@pytest.mark.parametrize("size", [(331, 205), (205, 331), (330, 327)])
@pytest.mark.parametrize("interpolation", ["pillow_bilinear", "pillow_bicubic"])
def test_a_model_sees_the_same_of_a_reduced_picture(
    resize_type: str, size: tuple[int, int], interpolation: str
) -> None:
    """No side is divided by 4; mirrored, the picture does not begin with its first pixel."""
    import cv2

    ok, encoded = cv2.imencode(
        ".jpg",
        waves(*size),
        [
            cv2.IMWRITE_JPEG_QUALITY,
            100,
            cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
            cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
        ],
    )
    assert ok
    data = encoded.tobytes()
    pre = Preprocess(
        32,
        32,
        resize_type=resize_type,
        resize_to=RESIZES[resize_type],
        crop_pct=0.875 if resize_type == "centre_fraction" else None,
        interpolation=interpolation,
    )
    reduced = decode_picture(data, at_least=(size[0] // 4, size[1] // 4))
    assert reduced.scale == 4
    full = spatial.prepare(decode(data), pre).astype(int)
    # By the rounded size instead of the true one the difference is 10 to 60.
    assert np.abs(full - spatial.prepare(reduced, pre)).max() <= 9
    mirrored = Picture(
        reduced.pixels[::-1, ::-1],
        *size,
        4,
        reduced.pixels.shape[1] - size[0] / 4,
        reduced.pixels.shape[0] - size[1] / 4,
    )
    full = spatial.prepare(np.ascontiguousarray(decode(data)[::-1, ::-1]), pre).astype(int)
    assert np.abs(full - spatial.prepare(mirrored, pre)).max() <= 9
