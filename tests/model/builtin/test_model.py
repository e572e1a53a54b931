"""The shipped IR: what it says of itself, and that it sees what it is for."""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import openvino as ov
import pytest
from numpy.typing import NDArray

from batchcls.model.builtin import path
from batchcls.model.builtin.canary import canary_image
from tests.support import pictures
from tests.support.pictures import Image

pytestmark = pytest.mark.runs

LABELS = ["ok", "blurry", "dark", "overexposed", "low-contrast", "noisy", "blocky"]


@pytest.fixture(scope="module")
def model() -> ov.Model:
    return ov.Core().read_model(path())


@pytest.fixture(scope="module")
def scores(model: ov.Model) -> Callable[[Image], NDArray[np.float32]]:
    """Scores (7,) of a BGR picture, its preprocessing done by hand as `model_info` asks for it."""
    compiled = ov.Core().compile_model(model, "CPU", {"INFERENCE_NUM_THREADS": 1})
    mean, scale = (
        np.array(_info(model, key).split(), np.float32) for key in ("mean_values", "scale_values")
    )
    _, _, height, width = model.inputs[0].shape

    def of(image: Image) -> NDArray[np.float32]:
        side = min(image.shape[:2])
        top, left = (image.shape[0] - side) // 2, (image.shape[1] - side) // 2
        square = image[top : top + side, left : left + side]
        resized = cv2.resize(square, (width, height), interpolation=cv2.INTER_LINEAR)
        pixels = (resized[..., ::-1].astype(np.float32) - mean) / scale
        answer = compiled([pixels.transpose(2, 0, 1)[None]])[0]
        return np.asarray(answer[0], np.float32)

    return of


def _info(model: ov.Model, key: str) -> str:
    return str(model.get_rt_info(["model_info", key]).astype(str))


def test_model_is_small_and_complete() -> None:
    weights = path().with_suffix(".bin")
    assert 0 < path().stat().st_size + weights.stat().st_size < 2_000_000


def test_model_info_says_how_to_use_it(model: ov.Model) -> None:
    assert _info(model, "labels").split() == LABELS
    wanted = {
        "model_type": "Classification",
        "resize_type": "crop",
        "interpolation_mode": "LINEAR",
        "reverse_input_channels": "True",
        "input_dtype": "u8",
        "embedded_processing": "False",
        "multilabel": "False",
        "layout": "pixels:NCHW,scores:NC",
    }
    assert {key: _info(model, key) for key in wanted} == wanted
    for key in ("mean_values", "scale_values"):
        assert all(float(value) > 0 for value in _info(model, key).split())
        assert len(_info(model, key).split()) == 3


def test_model_ends_in_softmax_over_its_labels(model: ov.Model) -> None:
    assert model.outputs[0].get_node().input_value(0).get_node().get_type_name() == "Softmax"
    assert list(model.outputs[0].shape) == [1, len(LABELS)]
    assert model.inputs[0].any_name == "pixels"
    assert model.outputs[0].any_name == "scores"


def test_model_takes_batches_and_answers_each_row_for_itself() -> None:
    core = ov.Core()
    batched = core.read_model(path())
    shape = [3, *list(batched.inputs[0].shape)[1:]]
    batched.reshape(shape)
    pixels = np.random.default_rng(0).normal(0, 1, shape).astype(np.float32)
    together = core.compile_model(batched, "CPU")([pixels])[0]
    alone = core.compile_model(path(), "CPU")
    for row in range(3):
        np.testing.assert_allclose(together[row], alone([pixels[row : row + 1]])[0][0], atol=2e-2)


@pytest.mark.parametrize("shade", [0, 1, 128, 254, 255])
@pytest.mark.parametrize("shape", [(1, 1), (64, 64), (3000, 7), (480, 640)])
def test_scores_are_probabilities_whatever_the_picture(
    scores: Any, shade: int, shape: tuple[int, int]
) -> None:
    answer = scores(np.full((*shape, 3), shade, np.uint8))
    assert np.isfinite(answer).all()
    assert answer.min() >= 0
    assert answer.sum() == pytest.approx(1, abs=1e-3)


@pytest.mark.runs
@pytest.mark.parametrize("side", [256, 480, 1600])
@pytest.mark.parametrize(
    ("spoil", "label"),
    [
        (pictures.darkened, "dark"),
        (pictures.washed_out, "overexposed"),
        (pictures.flattened, "low-contrast"),
        (pictures.grained, "noisy"),
        (pictures.smeared, "blurry"),
    ],
)
def test_obvious_faults_get_their_names(
    scores: Any, side: int, spoil: Callable[[Image], Image], label: str
) -> None:
    assert LABELS[int(scores(spoil(pictures.scene(side))).argmax())] == label


@pytest.mark.parametrize("side", [256, 480])
def test_a_clean_drawing_is_ok(scores: Any, side: int) -> None:
    assert LABELS[int(scores(pictures.scene(side)).argmax())] == "ok"


@pytest.mark.parametrize("side", [256, 480])
def test_a_squeezed_jpeg_is_blocky(scores: Any, side: int) -> None:
    assert LABELS[int(scores(pictures.squeezed(pictures.scene(side))).argmax())] == "blocky"


def test_canary_gets_an_answer(scores: Any) -> None:
    image = cv2.imdecode(np.frombuffer(canary_image(), np.uint8), cv2.IMREAD_COLOR)
    assert scores(np.asarray(image, np.uint8)).sum() == pytest.approx(1, abs=1e-3)
