"""Turns 8-bit weights into float32 constants, where layers compute in floating point anyway.

Not for speed. With more than one stream OpenVINO 2026.4's CPU plugin makes such weights ready in
several threads at once, and they get in each other's way: of 24 compilations of two quantised
MobileNets with `LP_TRANSFORMS_MODE=NO` and two streams, 20 gave a model that answers nonsense, and
goes on doing so, without any error; one stream, and weights folded before compiling, never did.
The int8 path is not affected (0 of 60), nor are 16-bit weights (0 of 65).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from batchcls.model.graph.input_rows import only_target
from batchcls.model.runtime import Model, Type, opset13

_EIGHT_BITS = (Type.i8, Type.u8)
_STEPS = {"Subtract": np.subtract, "Multiply": np.multiply}


def fold(model: Model) -> int:
    """Replace every Constant(8 bits) → Convert → [Subtract] → [Multiply] by its float32 value.

    Args:
        model: changed in place.

    Returns:
        How many were replaced.
    """
    found = [op for op in model.get_ops() if _is_widening(op)]
    for convert in found:
        values = convert.input_value(0).get_node().get_data().astype(np.float32)
        end, values = _follow(convert, values)
        constant = opset13.constant(np.ascontiguousarray(values))
        for target in list(end.output(0).get_target_inputs()):
            target.replace_source_output(constant.output(0))
    return len(found)


def _is_widening(op: Any) -> bool:
    if op.get_type_name() != "Convert" or op.get_output_element_type(0) != Type.f32:
        return False
    source = op.input_value(0).get_node()
    return source.get_type_name() == "Constant" and source.get_element_type() in _EIGHT_BITS


def _follow(op: Any, values: NDArray[np.float32]) -> tuple[Any, NDArray[np.float32]]:
    """The last step of a dequantisation, and what comes out of it."""
    while True:
        step = only_target(op)
        if step is None:
            return op, values
        other = step.input_value(1).get_node() if step.get_input_size() > 1 else None
        operation = _STEPS.get(step.get_type_name())
        if operation is None or other is None or other.get_type_name() != "Constant":
            return op, values
        values = operation(values, other.get_data().astype(np.float32))
        op = step
