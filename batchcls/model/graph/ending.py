"""What makes a graph's scores: the operation behind all that only hands values on at its end.

Converters put more there than shapes: Paddle2ONNX an Identity, quantisers a FakeQuantize or a pair
of quantisation and dequantisation, ensembles a Concat of their heads.
"""

import math
from dataclasses import dataclass
from typing import Any

from batchcls.model.runtime import Model

SHAPING = frozenset({"Convert", "Identity", "Reshape", "Squeeze", "Unsqueeze"})
"""Operations that hand on all values in their order."""

PROBABILITIES = frozenset({"Softmax", "Sigmoid", "LogSoftmax"})

_PASSES_ON = SHAPING | {
    "Broadcast",
    "Clamp",
    "ConvertLike",
    "FakeQuantize",
    "Gather",
    "Result",
    "Slice",
    "Split",
    "StridedSlice",
    "Tile",
    "Transpose",
    "VariadicSplit",
}
"""Operations whose results are values of their first input, all of them or some."""

_FURTHEST = 64
_CLOSE = 1e-3


@dataclass(frozen=True, slots=True)
class Ending:
    """What makes the scores.

    Attributes:
        kind: type of the operation ("Softmax", "MatMul").
        scale: of a quantised output: what the operation gave = (raw - zero) * scale.
        zero: see `scale`.
    """

    kind: str
    scale: float = 1.0
    zero: float = 0.0


def of(model: Model, output: int) -> Ending:
    """What makes the values of an output.

    Arithmetic is looked behind only for probabilities that it leaves as they are, such as a
    quantisation and its undoing. In front of anything else it is the last word: a temperature by
    which logits are divided must not be undone.
    """
    result = model.outputs[output].get_node()
    found = _walk(result, undoing=True)
    unchanged = abs(found.scale - 1.0) < _CLOSE and abs(found.zero) < _CLOSE
    if found.kind in PROBABILITIES and unchanged:
        return Ending(found.kind)
    return _walk(result, undoing=False)


def before_quantisation(model: Model, output: int) -> Any:
    """What is quantised at an output's end; None where nothing is."""
    node, found = model.outputs[output].get_node(), None
    for _ in range(_FURTHEST):
        if node.get_type_name() == "FakeQuantize":
            found = node.input_value(0)
        elif node.get_type_name() not in _PASSES_ON:
            break
        node = node.input_value(0).get_node()
    return found


def _walk(node: Any, *, undoing: bool) -> Ending:
    scale, zero = 1.0, 0.0
    for _ in range(_FURTHEST):
        kind = node.get_type_name()
        if kind == "FakeQuantize" and (found := _quantisation(node)) is not None:
            ratio, offset = found
            scale, zero = scale * ratio, zero + offset / scale if scale else zero
        elif kind == "Concat":
            return _common(node, Ending(kind, scale, zero), undoing=undoing)
        elif undoing and (number := _number(node)) is not None:
            scale, zero = _before(kind, number, scale, zero)
        elif undoing and (_is_complement(node) or _is_bound(node)):
            node = node.input_value(1).get_node()
            continue
        elif _is_softmax(node):
            return Ending("Softmax", scale, zero)
        elif kind not in _PASSES_ON:
            return Ending(kind, scale, zero)
        node = node.input_value(0).get_node()
    return Ending("", scale, zero)


def _common(joint: Any, own: Ending, *, undoing: bool) -> Ending:
    """What makes all parts of a Concat, if that is the same for each; else the Concat."""
    parts = {_walk(part.get_node(), undoing=undoing) for part in joint.input_values()}
    if len(parts) > 1 or own.scale != 1.0 or own.zero != 0.0:
        return own
    return parts.pop()


def _number(node: Any) -> float | None:
    """The constant of an arithmetic operation; None where it is none, or has several."""
    if node.get_type_name() not in ("Add", "Subtract", "Multiply", "Divide"):
        return None
    return constant(node.input_value(1).get_node())


def constant(node: Any) -> float | None:
    """The one number that a node is; None where it is none, or several."""
    while node.get_type_name() in SHAPING:
        node = node.input_value(0).get_node()
    if node.get_type_name() != "Constant" or node.get_data().size != 1:
        return None
    return float(node.get_data().reshape(-1)[0])


def _before(kind: str, number: float, scale: float, zero: float) -> tuple[float, float]:
    """Scale and zero for what goes into an operation, from those of what comes out."""
    match kind:
        case "Multiply" if number:
            return scale / number, zero
        case "Divide" if number:
            return scale * number, zero
        case "Add" if scale:
            return scale, zero + number / scale
        case "Subtract" if scale:
            return scale, zero - number / scale
        case _:
            return math.inf, zero  # nothing is left of it


def _is_complement(node: Any) -> bool:
    """It is 1 - p: what a Concat with p makes of one probability for yes and no."""
    if node.get_type_name() != "Subtract":
        return False
    return constant(node.input_value(0).get_node()) == 1.0


def _is_bound(node: Any) -> bool:
    """It is one side of ONNX's Clip, which OpenVINO reads as Minimum(high, Maximum(low, x))."""
    if node.get_type_name() not in ("Minimum", "Maximum"):
        return False
    return constant(node.input_value(0).get_node()) is not None


def _is_softmax(node: Any) -> bool:
    """It is one that was taken apart: e^x divided by its sum."""
    if node.get_type_name() != "Divide":
        return False
    above, below = (value.get_node() for value in node.input_values())
    if (above.get_type_name(), below.get_type_name()) != ("Exp", "ReduceSum"):
        return False
    return bool(below.input_value(0).get_node().get_name() == above.get_name())


def _quantisation(node: Any) -> tuple[float, float] | None:
    """(scale, zero) of a FakeQuantize from [low, high] to other numbers: q → (q - zero) * scale."""
    limits = [constant(node.input_value(index).get_node()) for index in range(1, 5)]
    low, high, out_low, out_high = limits
    if low is None or high is None or out_low is None or out_high is None:
        return None
    if (low, high) == (out_low, out_high) or out_high == out_low:
        return None
    scale = (high - low) / (out_high - out_low)
    return scale, out_low - low / scale
