"""Softmax of ONNX's operations of version 11 and 12, as the operator says.

Up to version 12 an axis parts the sizes in two: the softmax is over all values from that axis on.
OpenVINO 2026.4 reads it so up to version 10, and in 11 and 12 as version 13 has it, over the one
axis (LogSoftmax and Hardmax it reads rightly in all). A head of shape (images, 1, 1, classes), as
tf2onnx and keras2onnx wrote them, with the axis left at its usual 1, then answers 1.0 for every
class.
"""

from typing import Any

import numpy as np

from batchcls.model.runtime import Model, opset13

VERSIONS = frozenset({11, 12})


def flatten(model: Model) -> int:
    """Let every softmax go over all values from its axis on.

    Args:
        model: as read from ONNX of such a version; changed in place.

    Returns:
        How many were changed.
    """
    found = [op for op in model.get_ops() if _has_more_axes(op)]
    for softmax in found:
        _flatten(softmax)
    if found:
        model.validate_nodes_and_infer_types()
    return len(found)


def _has_more_axes(op: Any) -> bool:
    """It is a softmax over an axis that is not the last."""
    if op.get_type_name() != "Softmax":
        return False
    rank = op.get_input_partial_shape(0).rank
    return bool(rank.is_static and _axis(op) < rank.get_length() - 1)


def _axis(op: Any) -> int:
    axis: int = op.get_attributes()["axis"]
    return axis % int(op.get_input_partial_shape(0).rank.get_length())


def _flatten(softmax: Any) -> None:
    value, axis = softmax.input_value(0), _axis(softmax)
    kept = opset13.constant(np.array([*[0] * axis, -1], np.int64))
    rows = opset13.softmax(opset13.reshape(value, kept, special_zero=True), axis)
    whole = opset13.reshape(rows, opset13.shape_of(value), special_zero=False)
    whole.set_friendly_name(softmax.get_friendly_name())
    whole.output(0).get_tensor().set_names(softmax.output(0).get_names())
    for target in list(softmax.output(0).get_target_inputs()):
        target.replace_source_output(whole.output(0))
