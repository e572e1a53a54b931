"""Channels are pooled before they are put together, and the same bits come out."""

from collections.abc import Callable
from typing import Any

import numpy as np
import openvino as ov
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from openvino import opset1, opset8, opset13, opset14

from batchcls.model.graph import pool_parts

Pool = Callable[[Any], Any]

HEIGHT, WIDTH = 13, 10


def image() -> Any:
    return opset13.parameter([1, 3, HEIGHT, WIDTH], ov.Type.f32)


def branch(x: Any, channels: int) -> Any:
    """What a branch computes: numbers of either sign."""
    first = x.output(0)  # a pooling has a second one: the places
    depth = int(first.get_shape()[1])
    weights = np.random.default_rng(channels).standard_normal((channels, depth, 3, 3))
    ones = [1, 1]
    return opset13.convolution(first, weights.astype(np.float32), ones, ones, ones, ones)


def fire(pool: Pool, widths: tuple[int, ...] = (8, 24), axis: int = 1) -> ov.Model:
    """Branches side by side, pooled, and a convolution that looks at all of them."""
    x = image()
    joint = opset13.concat([branch(x, width) for width in widths], axis)
    joint.set_friendly_name("joint")
    pooled = pool(joint)
    return ov.Model([branch(pooled, 5)], [x], "m")


def answers(model: ov.Model) -> list[NDArray[np.float32]]:
    compiled = ov.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    chance = np.random.default_rng(3)
    pixels = chance.standard_normal(tuple(compiled.input(0).shape)).astype(np.float32)
    return [np.array(scores) for scores in compiled(pixels).values()]


def kinds(model: ov.Model) -> list[str]:
    """Of all operations between the branches and the last convolution, in order."""
    wanted = ("Concat", "MaxPool", "AvgPool")
    return [op.get_type_name() for op in model.get_ordered_ops() if op.get_type_name() in wanted]


def of_onnx(x: Any) -> Any:
    return opset8.max_pool(x, [2, 2], [1, 1], [0, 0], [0, 0], [3, 3], "floor")


def of_torch(x: Any) -> Any:
    return opset14.max_pool(x, [2, 2], [1, 1], [1, 1], [1, 1], [3, 3], "ceil_torch")


def of_old_models(x: Any) -> Any:
    return opset1.max_pool(x, [2, 1], [0, 1], [1, 0], [3, 2], "ceil", "explicit")


def of_tensorflow(x: Any) -> Any:
    return opset8.max_pool(x, [2, 2], [1, 1], [0, 0], [0, 0], [3, 3], "floor", "same_upper")


def dilated(x: Any) -> Any:
    return opset8.max_pool(x, [1, 1], [2, 2], [0, 0], [0, 0], [3, 3], "floor")


POOLS = (of_onnx, of_torch, of_old_models, of_tensorflow, dilated)


@pytest.mark.runs
@pytest.mark.parametrize("widths", [(8, 24), (3, 5, 7), (16,)])
@pytest.mark.parametrize("pool", POOLS)
def test_the_same_bits(pool: Pool, widths: tuple[int, ...]) -> None:
    model = fire(pool, widths)
    assert pool_parts.arrange(model)
    assert kinds(model) == ["MaxPool"] * len(widths) + ["Concat"]
    np.testing.assert_array_equal(answers(model), answers(fire(pool, widths)))


@given(
    kernel=st.tuples(*[st.integers(1, 5)] * 2),
    strides=st.tuples(*[st.integers(1, 3)] * 2),
    pads=st.tuples(*[st.integers(0, 1)] * 4),
    rounding=st.sampled_from(["floor", "ceil", "ceil_torch"]),
)
def test_any_window_is_kept(
    kernel: tuple[int, int], strides: tuple[int, int], pads: tuple[int, ...], rounding: str
) -> None:
    begin = [min(p, k - 1) for p, k in zip(pads[:2], kernel, strict=True)]
    end = [min(p, k - 1) for p, k in zip(pads[2:], kernel, strict=True)]

    def pool(x: Any) -> Any:
        return opset14.max_pool(
            x, list(strides), [1, 1], begin, end, list(kernel), rounding, "explicit"
        )

    model = fire(pool)
    expected = model.output(0).get_shape()
    assert pool_parts.arrange(model)
    assert model.output(0).get_shape() == expected


def test_parts_of_one_split() -> None:
    def model() -> ov.Model:
        x = image()
        pieces = opset13.split(branch(x, 12), 1, 3)
        swapped = [pieces.output(2), pieces.output(0), pieces.output(0)]
        return ov.Model([branch(of_onnx(opset13.concat(swapped, 1)), 5)], [x], "m")

    arranged = model()
    assert pool_parts.arrange(arranged)
    np.testing.assert_array_equal(answers(arranged), answers(model()))


def test_names_say_what_was_pooled() -> None:
    model = fire(of_onnx)
    (pool,) = (op for op in model.get_ops() if op.get_type_name() == "MaxPool")
    pool.set_friendly_name("pool")
    pool_parts.arrange(model)
    names = [op.get_friendly_name() for op in model.get_ordered_ops()]
    assert [name for name in names if name in ("pool", "pool/0", "pool/1", "joint")] == [
        "pool/0",
        "pool/1",
        "joint",
    ]


def test_models_of_any_batch_size() -> None:
    def model() -> ov.Model:
        made = fire(of_onnx)
        made.reshape(ov.PartialShape([-1, 3, HEIGHT, WIDTH]))
        return made

    arranged = model()
    assert pool_parts.arrange(arranged)
    pixels = np.random.default_rng(5).standard_normal((2, 3, HEIGHT, WIDTH)).astype(np.float32)
    core = ov.Core()
    found = [core.compile_model(one, "CPU")(pixels)[0] for one in (arranged, model())]
    np.testing.assert_array_equal(*found)


def with_their_places(x: Any) -> Any:
    """Places count from the first channel, so they would be others."""
    pooled = opset8.max_pool(x, [2, 2], [1, 1], [0, 0], [0, 0], [2, 2], "floor")
    places = opset13.convert(pooled.output(1), "f32")
    return opset13.add(pooled.output(0), places)


def averaged(x: Any) -> Any:
    return opset13.avg_pool(x, [2, 2], [0, 0], [0, 0], [2, 2], False)


def seen_by_another(x: Any) -> Any:
    pooled = opset8.max_pool(x, [1, 1], [1, 1], [1, 1], [1, 1], [3, 3], "floor")
    return opset13.concat([pooled.output(0), x.output(0)], 1)


@pytest.mark.parametrize("pool", [with_their_places, averaged, seen_by_another])
def test_other_pooling_stays(pool: Pool) -> None:
    model = fire(pool)
    before = kinds(model)
    assert not pool_parts.arrange(model)
    assert kinds(model) == before


@pytest.mark.parametrize("axis", [0, 2, -1])
def test_what_is_put_together_in_space_stays(axis: int) -> None:
    model = fire(of_onnx, (8, 8), axis)
    assert not pool_parts.arrange(model)
    assert kinds(model) == ["Concat", "MaxPool"]


def test_channels_counted_from_the_end() -> None:
    model = fire(of_onnx, axis=-3)
    assert pool_parts.arrange(model)
    np.testing.assert_array_equal(answers(model), answers(fire(of_onnx, axis=-3)))
