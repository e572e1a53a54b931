"""Keeps the clamp of quantisers that OpenVINO takes out.

A FakeQuantize rounds to steps and clamps to its range. Exporters lean on the clamp: with a range
that begins at 0 they leave out the ReLU before it. OpenVINO 2026.4's CPU and GPU plugins take out a
FakeQuantize of 65,536 levels, since its steps are too small to matter, and the clamp with it
(openvino#35902 asked for that to be mended): of 60 answers of an ONNX model with 16-bit activations
11 were right. With a clamp of its own before each, 60 of 60, whether the plugin takes the
FakeQuantize out or not; a value that is clamped already is not changed by it. At 8 bits nothing is
taken out.
"""

from typing import Any

from batchcls.model.runtime import Model, opset13

KEPT_LEVELS = 256
"""A FakeQuantize of no more levels is computed as it is written."""


def keep(model: Model) -> int:
    """Put a clamp before every FakeQuantize that may be taken out.

    Args:
        model: as read; changed in place.

    Returns:
        How many were put in; none where a model went through here before.
    """
    found = [op for op in model.get_ops() if _may_go(op) and _clamp(op)]
    if found:
        model.validate_nodes_and_infer_types()
    return len(found)


def _may_go(op: Any) -> bool:
    if op.get_type_name() != "FakeQuantize":
        return False
    return bool(op.get_attributes()["levels"] > KEPT_LEVELS)


def _clamp(quantiser: Any) -> bool:
    """Let nothing beyond its range into a quantiser; whether that was to be done."""
    value, low, high = (quantiser.input_value(port) for port in range(3))
    ends = [end for limit in (low, high) if (end := _single(limit)) is not None]
    if len(ends) < 2:
        # A range for each channel: Clamp has but one.
        clamped = opset13.maximum(opset13.minimum(value, high), low)
    elif _limits(value.get_node()) == tuple(sorted(ends)):
        return False
    else:
        clamped = opset13.clamp(value, *sorted(ends))
    quantiser.input(0).replace_source_output(clamped.output(0))
    return True


def _limits(op: Any) -> tuple[float, float] | None:
    if op.get_type_name() != "Clamp":
        return None
    found = op.get_attributes()
    return found["min"], found["max"]


def _single(limit: Any) -> float | None:
    node = limit.get_node()
    if node.get_type_name() != "Constant" or node.get_data().size != 1:
        return None
    return float(node.get_data().reshape(-1)[0])
