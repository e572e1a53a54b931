"""The features before the last layer: which tensor they are, and a graph that is cut there."""

from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as ops

from batchcls.errors import ModelError, UsageError
from batchcls.model.graph import features, scores

SIZE, WIDTH, CLASSES = 8, 6, 4
RANDOM = np.random.default_rng(21)


def values(*shape: int) -> Any:
    return RANDOM.standard_normal(shape).astype(np.float32)


def fake(node: Any, high: float = 4.0) -> Any:
    edges = [np.array(value, np.float32) for value in (0.0, high, 0.0, high)]
    return ops.fake_quantize(node, *edges, 256)


def network(ending: str) -> ov.Model:
    """Colours → WIDTH features, called "pooled" → CLASSES scores, in one of the usual ways."""
    image = ops.parameter([1, 3, SIZE, SIZE], ov.Type.f32, name="image")
    mixed = ops.relu(ops.convolution(image, values(WIDTH, 3, 1, 1), [1, 1], [0, 0], [0, 0], [1, 1]))
    pooled = ops.reduce_mean(mixed, np.array([2, 3]), keep_dims=True)
    pooled.output(0).get_tensor().set_names({"pooled"})
    flat = ops.reshape(pooled, np.array([1, WIDTH]), special_zero=False)
    flat.output(0).get_tensor().set_names({"flat"})
    layer: Any = None
    match ending:
        case "gemm":
            layer = ops.softmax(
                ops.add(ops.matmul(flat, values(CLASSES, WIDTH), False, True), values(CLASSES)), 1
            )
        case "matmul":
            layer = ops.matmul(flat, values(WIDTH, CLASSES), False, False)
        case "convolution":
            kernel = values(CLASSES, WIDTH, 1, 1)
            made = ops.convolution(pooled, kernel, [1, 1], [0, 0], [0, 0], [1, 1])
            layer = ops.sigmoid(
                ops.squeeze(ops.add(made, values(1, CLASSES, 1, 1)), np.array([2, 3]))
            )
        case "int8":
            ints = ops.constant(RANDOM.integers(-64, 64, (CLASSES, WIDTH)).astype(np.int8))
            weights = ops.multiply(ops.convert(ints, "f32"), np.float32(0.01))
            layer = ops.matmul(fake(flat), weights, False, True)
        case "quantised before its shape":
            shaped = ops.reshape(fake(pooled), np.array([1, WIDTH]), special_zero=False)
            layer = ops.matmul(shaped, values(CLASSES, WIDTH), False, True)
        case "taken apart":
            raw = ops.matmul(flat, values(CLASSES, WIDTH), False, True)
            powers = ops.exp(ops.subtract(raw, ops.reduce_max(raw, np.array([1]), keep_dims=True)))
            layer = ops.divide(powers, ops.reduce_sum(powers, np.array([1]), keep_dims=True))
        case "no layer":
            layer = ops.softmax(flat, 1)
        case "other input":
            whole = ops.reduce_mean(image, np.array([2, 3]), keep_dims=False)
            sums = ops.matmul(flat, values(WIDTH, 3), False, False)
            layer = ops.matmul(ops.add(sums, whole), values(CLASSES, 3), False, True)
    layer.output(0).get_tensor().set_names({"scores"})
    return ov.Model([layer], [image], ending)


USUAL = {
    "gemm": "flat",
    "matmul": "flat",
    "convolution": "pooled",
    "int8": "flat",
    "quantised before its shape": "pooled",
    "taken apart": "flat",
}
"""Ways in which models end, and the tensor that is their features: never one that is quantised."""


@pytest.mark.parametrize("ending", USUAL)
def test_the_input_of_the_last_layer_is_found(ending: str) -> None:
    model = network(ending)
    found = features.find(model, scores.choose(model))
    assert (found.name, found.size) == (USUAL[ending], WIDTH)


def test_a_model_without_such_a_layer_is_told_what_to_name() -> None:
    model = network("no layer")
    with pytest.raises(
        ModelError, match=r"no features found.* scores .* 4 classes\n.*--features NAME"
    ):
        features.find(model, scores.ScoreOutput(0, "scores", CLASSES, "f32"))
    found = features.find(model, scores.choose(model), "pooled")
    assert (found.name, found.shape, found.size) == ("pooled", "[1,6,1,1]", WIDTH)


@pytest.mark.parametrize("name", ["elsewhere", "image with a typing error"])
def test_a_name_that_is_not_there_is_refused(name: str) -> None:
    model = network("gemm")
    with pytest.raises(UsageError, match="no tensor and no operation of that name"):
        features.find(model, scores.choose(model), name)


def test_a_layer_that_makes_another_number_is_not_the_one_of_the_classes() -> None:
    model = network("gemm")
    with pytest.raises(ModelError, match="5 classes"):
        features.find(model, scores.ScoreOutput(0, "scores", 5, "f32"))


def test_scores_of_more_than_the_features_are_not_cut() -> None:
    model = network("other input")
    chosen = scores.choose(model)
    assert features.find(model, chosen).size == len("RGB")
    features.head(model, chosen)
    with pytest.raises(ModelError, match="made of more than the features pooled"):
        features.head(model, chosen, "pooled")


@pytest.mark.runs
@pytest.mark.parametrize("ending", USUAL)
def test_the_parts_compute_what_the_whole_does(ending: str) -> None:
    model = network(ending)
    chosen, core = scores.choose(model), ov.Core()
    exact = {"INFERENCE_PRECISION_HINT": "f32", "LP_TRANSFORMS_MODE": "NO"}
    picture = np.abs(values(1, 3, SIZE, SIZE))
    whole = core.compile_model(model, "CPU", exact)(picture)[0]
    kept = core.compile_model(features.backbone(model, chosen), "CPU", exact)(picture)[0]
    assert kept.shape == (1, WIDTH)
    head = core.compile_model(features.head(model, chosen), "CPU", exact)
    np.testing.assert_array_equal(head(kept)[0], whole)


@pytest.mark.real
@pytest.mark.parametrize("name", ["mobilenet_v2_1.0_224_quant", "tf2_mobilenet_v2_1.0_224_ptq"])
def test_quantised_mobilenets_have_their_1280(real_data: Path, name: str) -> None:
    model = ov.Core().read_model(real_data / "models" / f"{name}.tflite")
    found = features.find(model, scores.choose(model))
    assert (found.shape, found.size) == ("[1,1280,1,1]", 1280)
    assert not found.source.get_node().get_type_name().startswith("FakeQuantize")
