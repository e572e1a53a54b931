"""Brings max pooling before the concatenation of channels, so that a quarter as much is copied.

Fire and inception modules put the channels of their branches side by side. With channels last in
memory, as OpenVINO's convolutions want them, every value is copied for that. Pooled first, there
are fewer: in two places of SqueezeNet 35 of 3,000 microseconds less, and 1.3 % more images per
second (48 runs of each, side by side; GoogLeNet: no difference). A maximum is taken within a
channel, so the same bits come out.
"""

from typing import Any

from batchcls.model.graph.input_rows import only_target
from batchcls.model.runtime import Model, opset14

CHANNELS = 1
"""Of (images, channels, height, width)."""


def arrange(model: Model) -> bool:
    """Bring every max pooling of channels put together before their putting together.

    Args:
        model: changed in place.

    Returns:
        Whether there was one.
    """
    joints = [op for op in model.get_ordered_ops() if _joins_channels(op)]
    found = False
    for joint in joints:
        pool = only_target(joint)
        if pool is not None and _pools_values(pool):
            _exchange(joint, pool)
            found = True
    if found:
        model.validate_nodes_and_infer_types()
    return found


def _joins_channels(op: Any) -> bool:
    if op.get_type_name() != "Concat":
        return False
    rank = op.get_output_partial_shape(0).rank
    return bool(rank.is_static and op.get_attributes()["axis"] % rank.get_length() == CHANNELS)


def _pools_values(op: Any) -> bool:
    """It is a max pooling of which nobody asks where the maxima were."""
    if op.get_type_name() != "MaxPool":
        return False
    return all(not output.get_target_inputs() for output in op.outputs()[1:])


def _exchange(joint: Any, pool: Any) -> None:
    """Pool each part, then put them together; names, as `--perf-counts` shows them, are kept."""
    how = pool.get_attributes()
    parts = []
    for number, part in enumerate(joint.input_values()):
        pooled = opset14.max_pool(
            part,
            how["strides"],
            how.get("dilations", [1] * len(how["kernel"])),
            how["pads_begin"],
            how["pads_end"],
            how["kernel"],
            how["rounding_type"],
            how["auto_pad"],
        )
        pooled.set_friendly_name(f"{pool.get_friendly_name()}/{number}")
        parts.append(pooled.output(0))
    together = opset14.concat(parts, CHANNELS)
    together.set_friendly_name(joint.get_friendly_name())
    for end in list(pool.output(0).get_target_inputs()):
        end.replace_source_output(together.output(0))
