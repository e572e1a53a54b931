"""Notices a graph that brings images to its size itself, and reads what one does to their values.

An Interpolate that pixels reach before any weights do is a resize of images; those of a feature
pyramid or of position embeddings lie behind the first convolution. What is added and multiplied on
the way says in which numbers and in which order of channels the graph takes its pixels.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from batchcls.model.graph.ports import ImageInput
from batchcls.model.runtime import Model

_ARITHMETIC = frozenset({"Add", "Subtract", "Multiply", "Divide"})
_MOVING = frozenset(
    {
        *("Convert", "Transpose", "Reshape", "Squeeze", "Unsqueeze", "Concat", "Split"),
        *("VariadicSplit", "Gather", "Slice", "StridedSlice", "Pad", "Clamp", "Round", "Floor"),
        *("Interpolate", "FakeQuantize", "Reverse", "Identity", "Select"),
    }
)
"""Operations that leave a picture a picture."""

_NORMAL = 12.0
"""Largest value that a network's first layer sees of normalised pixels, with room."""


@dataclass(frozen=True, slots=True)
class OwnWork:
    """What a graph shows of its input.

    Attributes:
        resizes: it brings images to its size.
        normalises: it scales or shifts the values by itself.
        unit: it takes values from 0 to 1, not to 255.
        bgr: the means that it subtracts are those of blue, green, red.
    """

    resizes: bool
    normalises: bool
    unit: bool
    bgr: bool


def find(model: Model, image: ImageInput) -> OwnWork | None:
    """What the graph does to images before its first weights, if it resizes them.

    Returns:
        None where the input's size is not open, or nothing in front of the weights resizes.
    """
    if image.height is not None or image.width is not None:
        return None
    found = before_weights(model, image)
    return found if found.resizes else None


def before_weights(model: Model, image: ImageInput) -> OwnWork:
    """What the graph does to images before its first weights."""
    port = model.inputs[image.index]
    one = np.ones(image.channels)
    numbers: tuple[NDArray[Any], NDArray[Any]] = (one, 0 * one)  # pixel * first + second
    waiting, seen, resizes = [port], set[str](), False
    while waiting:
        for target in waiting.pop().get_target_inputs():
            node = target.get_node()
            kind, name = node.get_type_name(), node.get_friendly_name()
            if name in seen or (target.get_index() and kind == "Interpolate"):
                continue
            if kind in _ARITHMETIC:
                numbers = _applied(kind, node, target.get_index(), numbers)
            elif kind not in _MOVING:
                continue
            seen.add(name)
            resizes = resizes or _to_a_size(node)
            waiting.extend(node.outputs())
    return replace(_meaning(*numbers), resizes=resizes)


def _to_a_size(node: Any) -> bool:
    """It resizes to a size; one by a factor makes the levels of a pyramid."""
    if node.get_type_name() != "Interpolate":
        return False
    return bool(node.get_attributes().get("shape_calculation_mode", "sizes") == "sizes")


def _applied(
    kind: str, node: Any, index: int, numbers: tuple[NDArray[Any], NDArray[Any]]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """The numbers after one operation more; as they were where that is with no constant."""
    other = node.input_value(1 - index).get_node()
    while other.get_type_name() == "Convert":
        other = other.input_value(0).get_node()
    factor, shift = numbers
    if other.get_type_name() != "Constant" or (index and kind in ("Subtract", "Divide")):
        return numbers
    values = other.get_data().astype(np.float64).reshape(-1)
    if values.size not in (1, factor.size) or (kind == "Divide" and not values.all()):
        return numbers
    match kind:
        case "Add":
            return factor, shift + values
        case "Subtract":
            return factor, shift - values
        case "Multiply":
            return factor * values, shift * values
        case _:
            return factor / values, shift / values


def _meaning(factor: NDArray[Any], shift: NDArray[Any]) -> OwnWork:
    normalises = bool((factor != 1).any() or (shift != 0).any())
    of_bytes, of_unit = np.abs(factor * 255 + shift).max(), np.abs(factor + shift).max()
    means = -shift / np.where(factor == 0, 1, factor)
    return OwnWork(
        resizes=False,
        normalises=normalises,
        unit=normalises and bool(of_unit <= _NORMAL < of_bytes),
        bgr=len(means) == 3 and bool((np.diff(means) > 0).all()),
    )
