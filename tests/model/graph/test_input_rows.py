"""Arithmetic on pixels comes before their transposition, and the same bits come out."""

from collections.abc import Callable
from typing import Any

import numpy as np
import openvino as ov
import pytest
from numpy.typing import NDArray
from openvino import opset13 as ops

from batchcls.model.graph import input_rows, int8

HEIGHT, WIDTH = 6, 10
MEAN, SCALE = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)

Build = Callable[[Any, Any], Any]


def channels(values: tuple[float, ...], *shape: int) -> NDArray[np.float32]:
    return np.array(values, np.float32).reshape(shape)


def planes(node: Any) -> Any:
    return ops.transpose(node, np.array([0, 3, 1, 2], np.int64))


def before(node: Any, image: Any) -> Any:
    """As PrePostProcessor and models that begin with their pixels: numbers, then planes."""
    count = image.shape[3]
    less = ops.subtract(ops.convert(node, "f32"), channels(MEAN[:count], 1, 1, 1, count))
    return planes(ops.divide(less, channels(SCALE[:count], count)))


def after(node: Any, image: Any) -> Any:
    """As torch's exports with the numbers inside: planes, then numbers."""
    count = image.shape[3]
    less = ops.subtract(ops.convert(planes(node), "f32"), channels(MEAN[:count], 1, count, 1, 1))
    return ops.multiply(less, channels(SCALE[:count], count, 1, 1))


def unit_before(node: Any, image: Any) -> Any:
    unit = ops.divide(ops.convert(node, "f32"), np.float32(255))
    less = ops.subtract(unit, channels(MEAN, 3))
    return planes(ops.clamp(ops.divide(less, channels(SCALE, 3)), -2.0, 2.0))


def unit_after(node: Any, image: Any) -> Any:
    unit = ops.divide(ops.convert(planes(node), "f32"), np.float32(127.5))
    return ops.multiply(ops.subtract(unit, np.float32(1)), channels(SCALE, 1, 3, 1, 1))


def quantised(node: Any, image: Any) -> Any:
    """As OpenVINO reads TFLite's."""
    limits = [np.array(v, np.float32).reshape(1, 1, 1, 1) for v in (0.0, 250.0, -1.0, 1.0)]
    return ops.fake_quantize(ops.convert(planes(node), "f32"), *limits, 256)


def converted(node: Any, image: Any) -> Any:
    return ops.convert(planes(node), "f32")


def scaled_before(node: Any, image: Any) -> Any:
    return planes(ops.divide(ops.convert(node, "f32"), np.float32(255)))


def scaled_after(node: Any, image: Any) -> Any:
    return ops.multiply(ops.convert(planes(node), "f32"), channels(SCALE, 1, 3, 1, 1))


def scaled_to_half(node: Any, image: Any) -> Any:
    scaled = ops.divide(ops.convert(planes(node), "f32"), np.float32(255))
    return ops.convert(ops.convert(scaled, "f16"), "f32")


def on_both_sides(node: Any, image: Any) -> Any:
    more = ops.add(ops.convert(node, "f32"), channels(MEAN, 1, 1, 3))
    return ops.multiply(planes(more), np.float32(0.017))


STARTS = (
    before,
    after,
    unit_before,
    unit_after,
    quantised,
    converted,
    scaled_before,
    scaled_after,
    scaled_to_half,
    on_both_sides,
)
STAYS: dict[Build, list[str]] = {
    scaled_after: ["Multiply"],
    scaled_to_half: ["Divide", "Convert", "Convert"],
    on_both_sides: ["Multiply"],
}
"""What is left behind the transposition."""


def built(start: Build, images: int = 1, count: int = 3) -> ov.Model:
    """A convolution with padding behind that start: where zeros come in, order matters."""
    image = ops.parameter([images, HEIGHT, WIDTH, count], ov.Type.u8)
    chance = np.random.default_rng(7)
    weights = chance.standard_normal((8, count, 3, 3)).astype(np.float32)
    x = start(image, image)
    x = ops.convolution(x, weights, [1, 1], [1, 1], [1, 1], [1, 1])
    return ov.Model([ops.relu(x)], [image], "m")


def answers(model: ov.Model) -> NDArray[np.float32]:
    compiled = ov.Core().compile_model(
        model, "CPU", {"INFERENCE_PRECISION_HINT": "f32", int8.PROPERTY: int8.VALUES["exact"]}
    )
    image = np.random.default_rng(3).integers(0, 256, tuple(compiled.input(0).shape), np.uint8)
    return np.array(compiled(image)[0])


def operations(model: ov.Model) -> list[str]:
    """From the image on, up to the convolution."""
    node, found = model.inputs[0].get_node(), []
    while node.get_type_name() != "Convolution":
        (target,) = node.output(0).get_target_inputs()
        node = target.get_node()
        found.append(node.get_type_name())
    return found[:-1]


def converts(model: ov.Model) -> list[str]:
    return [op.get_friendly_name() for op in model.get_ops() if op.get_type_name() == "Convert"]


@pytest.mark.runs
@pytest.mark.parametrize("images", [1, 3])
@pytest.mark.parametrize("start", STARTS)
def test_the_same_bits_with_the_transposition_last(start: Build, images: int) -> None:
    expected = answers(built(start, images))
    model = built(start, images)
    names = converts(model)
    assert input_rows.arrange(model)
    found = operations(model)
    assert found[0] == "Reshape"
    turn = found.index("Transpose")
    assert found[turn - 1] == "Reshape"
    assert found[turn + 1 :] == STAYS.get(start, [])
    assert converts(model) == names, "as `--perf-counts` shows them"
    np.testing.assert_array_equal(answers(model), expected)


@pytest.mark.parametrize("start", [before, after])
def test_gray_models(start: Build) -> None:
    model = built(start, count=1)
    expected = answers(built(start, count=1))
    assert input_rows.arrange(model)
    np.testing.assert_array_equal(answers(model), expected)


def by_place(node: Any, image: Any) -> Any:
    where = np.arange(HEIGHT * WIDTH, dtype=np.float32).reshape(1, 1, HEIGHT, WIDTH)
    return ops.subtract(ops.convert(planes(node), "f32"), where)


def other_axis(node: Any, image: Any) -> Any:
    """Three values in a row of ten are no channels; shapes of (…, 1, 3, 1) fit by chance alone."""
    rows = np.arange(HEIGHT, dtype=np.float32).reshape(1, HEIGHT, 1, 1)
    return planes(ops.add(ops.convert(node, "f32"), rows))


def twice_used(node: Any, image: Any) -> Any:
    x = ops.convert(planes(node), "f32")
    return ops.add(ops.multiply(x, np.float32(2)), ops.sin(x))


def left_operand(node: Any, image: Any) -> Any:
    return ops.subtract(np.float32(255), ops.convert(planes(node), "f32"))


@pytest.mark.parametrize("start", [by_place, other_axis, twice_used, left_operand])
def test_what_depends_on_the_place_stays_behind(start: Build) -> None:
    """It may move what comes before that; never anything that changes an answer."""
    expected = answers(built(start))
    model = built(start)
    input_rows.arrange(model)
    np.testing.assert_array_equal(answers(model), expected)


def test_models_that_do_not_turn_their_pixels_stay_as_they_are() -> None:
    image = ops.parameter([1, HEIGHT, WIDTH, 3], ov.Type.u8)
    mean = ops.reduce_mean(ops.convert(image, "f32"), np.array([1, 2]), keep_dims=False)
    assert not input_rows.arrange(ov.Model([mean], [image], "m"))
    image = ops.parameter([1, HEIGHT, WIDTH, 3], ov.Type.u8)
    assert not input_rows.arrange(ov.Model([ops.relu(planes(image))], [image], "m"))


def test_models_of_any_size_stay_as_they_are() -> None:
    image = ops.parameter(ov.PartialShape([1, -1, -1, 3]), ov.Type.u8)
    x = planes(ops.subtract(ops.convert(image, "f32"), channels(MEAN, 1, 1, 1, 3)))
    assert not input_rows.arrange(ov.Model([ops.relu(x)], [image], "m"))
