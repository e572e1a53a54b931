"""The scale and zero point of a model's integer input, and what numbers it therefore stands for.

An integer input stands for (steps - zero) * scale, and an interpreter is fed
round((pixel - mean) / std / scale + zero). Where a model was calibrated on the whole range of its
images, the steps are the pixels again, and pixels are put in as they are. Where it was not, they
are something else, and pixels put in raw give other answers than the model was made for.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from batchcls.model.graph.ending import SHAPING, constant
from batchcls.model.runtime import Model, Type, opset13

Normalisation = tuple[tuple[float, ...], tuple[float, ...]]
"""(mean, scale) in pixel units."""

_IMAGENET: Normalisation = ((114.495,), (57.63,))  # of one colour: the order may not be known
_UNIT: Normalisation = ((), (255.0,))
_SYMMETRIC: Normalisation = ((127.5,), (127.5,))
_PIXELS: Normalisation = ((), ())
_AS_PIXELS = (
    (0.0, 255.0),
    (127.5, 127.5),
    (128.0, 128.0),
    (127.0, 128.0),
    (0.0, 1.0),
    (128.0, 1.0),
)
"""(mean, scale) of models whose input stands for pixels, if it stands for all of them."""

_ROUNDING = 2.0
"""Steps that the ends of a calibrated range may be off."""

_RANGES: dict[Type, tuple[int, int]] = {
    Type.u8: (0, 255),
    Type.i8: (-128, 127),
    Type.u16: (0, 65535),
    Type.i16: (-32768, 32767),
}
_HANDED_ON = SHAPING | {"Clamp", "Transpose"}


@dataclass(frozen=True, slots=True)
class InputQuantisation:
    """What an integer input stands for: (steps - zero) * scale.

    Attributes:
        scale: of one step.
        zero: the step that stands for 0.
        stated: it cannot be arithmetic on pixels that the model's authors put into the graph.
    """

    scale: float
    zero: float
    low: int
    high: int
    stated: bool

    @property
    def takes_pixels(self) -> bool:
        """Its steps are pixels, but for the sign of an int8."""
        if not self.stated:
            return True
        first = -128.0 if self.low == -128 else 0.0
        return any(
            all(
                abs((pixel - mean) / scale / self.scale + self.zero - pixel - first) <= _ROUNDING
                for pixel in (0.0, 255.0)
            )
            for mean, scale in _AS_PIXELS
        )

    @property
    def likely(self) -> tuple[str, Normalisation]:
        """The usual normalisation that fits the range it stands for; a guess."""
        low, high = ((edge - self.zero) * self.scale for edge in (self.low, self.high))
        furthest = max(-low, high)
        if furthest > 100.0:
            return "as they are", _PIXELS
        if low >= -0.05 * high and high <= 2.0:
            return "as 0..1", _UNIT
        if furthest <= 1.5:
            return "as -1..1", _SYMMETRIC
        return "with ImageNet's mean and deviation", _IMAGENET

    def quantised(self, value: Any) -> Any:
        """Graph operations from real numbers to steps, still as floats."""
        steps = opset13.add(opset13.divide(value, np.float32(self.scale)), np.float32(self.zero))
        whole = opset13.round(steps, "half_to_even")
        return opset13.clamp(whole, float(self.low), float(self.high)).output(0)


def find(model: Model, index: int = 0) -> InputQuantisation | None:
    """The quantisation of an input; None where it is no integer or says nothing."""
    node = model.inputs[index].get_node()
    limits = _RANGES.get(node.get_output_element_type(0))
    if limits is None:
        return None
    while (step := _next(node)) is not None and step.get_type_name() in _HANDED_ON:
        node = step
    if step is None:
        return None
    if step.get_type_name() == "FakeQuantize":
        return _of_fake_quantize(step, limits)
    return _of_arithmetic(step, limits)


def _next(node: Any) -> Any:
    """What takes a node's output, if that is one operation."""
    takers = list(node.output(0).get_target_inputs())
    return takers[0].get_node() if len(takers) == 1 else None


def _of_fake_quantize(op: Any, limits: tuple[int, int]) -> InputQuantisation | None:
    """As TFLite's quantised tensors are read: from integers to what they stand for."""
    ends = [constant(op.input_value(port).get_node()) for port in range(1, 5)]
    low, high, real_low, real_high = ends
    if low is None or high is None or real_low is None or real_high is None:
        return None
    if high <= low or real_high <= real_low:
        return None
    scale = (real_high - real_low) / (high - low)
    return InputQuantisation(scale, low - real_low / scale, *limits, stated=True)


def _of_arithmetic(op: Any, limits: tuple[int, int]) -> InputQuantisation | None:
    """As ONNX's DequantizeLinear is read: (steps - zero) * scale.

    A graph that normalises the pixels of an 8-bit input looks the same, and is more frequent: such
    an input takes pixels.
    """
    zero, scale = 0.0, None
    while op is not None:
        kind = op.get_type_name()
        number = constant(op.input_value(1).get_node()) if op.get_input_size() == 2 else None
        if kind == "Subtract" and number is not None and scale is None:
            zero += number
        elif kind == "Multiply" and number is not None and number > 0.0:
            scale = number
            break
        elif kind not in SHAPING:
            return None
        op = _next(op)
    if scale is None:
        return None
    wide = limits[1] - limits[0] > 255
    return InputQuantisation(scale, zero, *limits, stated=wide)
