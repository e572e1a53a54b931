"""Gives a model another last layer, of other classes.

Features pass through float16 on their way to the new head, so that those that are kept on the disk
as float16 give the same scores.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from batchcls.model.compile.load import DEFAULT, Loaded
from batchcls.model.graph import features
from batchcls.model.graph.activation import Activation
from batchcls.model.graph.scores import NAMES, ScoreOutput
from batchcls.model.runtime import Model, opset13


def with_head(
    loaded: Loaded, weights: NDArray[np.float32], bias: NDArray[np.float32], labels: tuple[str, ...]
) -> Loaded:
    """The model with another last layer and a softmax.

    Args:
        loaded: as read, or as it came from here; used up.
        weights: (classes, features).
        bias: (classes,).
        labels: of the classes.
    """
    found = features.find(loaded.model, loaded.scores)
    rounded = _as_float16(found.flat())
    rounded.output(0).get_tensor().set_names({"features"})
    logits = opset13.matmul(rounded, opset13.constant(weights), False, True)
    logits = opset13.add(logits, opset13.constant(bias[None, :]))
    return _ending_in(loaded, opset13.softmax(logits, 1).output(0), labels)


def _as_float16(values: Any) -> Any:
    """A node: float32 values rounded as to float16, to the nearest, to the even one of two.

    By arithmetic that is exact: the step between neighbours in float16 is a power of two, that of
    the power of two below a value. Devices that compute in float32 take conversions to float16 and
    back out of a graph.
    """
    powers = np.exp2(np.arange(-13, 16, dtype=np.float32))
    steps = np.exp2(np.arange(-24, 6, dtype=np.float32))
    place = opset13.bucketize(opset13.absolute(values), powers, "i32", with_right_bound=False)
    axis = np.int32(0)
    step, inverse = (opset13.gather(table, place, axis) for table in (steps, 1 / steps))
    whole = opset13.round(opset13.multiply(values, inverse), "half_to_even")
    return opset13.multiply(whole, step)


def _ending_in(loaded: Loaded, scores: Any, labels: tuple[str, ...]) -> Loaded:
    # Results that stay referenced confuse the CPU plugin: the old ones go before the new one.
    old = loaded.model
    for result in old.get_results():
        old.remove_result(result)
    scores.get_tensor().set_names({NAMES[2]})
    # Another model, not the old one: what that one's rt_info says does not hold for this one.
    model = Model([opset13.result(scores)], old.get_parameters(), "taught")
    _name(model)
    known = loaded.metadata
    return replace(
        loaded,
        model=model,
        scores=ScoreOutput(0, NAMES[2], len(labels), "f32"),
        metadata=replace(
            known,
            activation=Activation("none", graph="Softmax"),
            labels=labels,
            threshold=None,
            origins={**known.origins, "top": DEFAULT},
        ),
    )


def _name(model: Model) -> None:
    """Name operations that have no name: OpenVINO's own names count what the process has made."""
    for number, node in enumerate(model.get_ordered_ops()):
        if node.get_friendly_name() == node.get_name():
            node.set_friendly_name(f"{node.get_type_name()}-{number}")
