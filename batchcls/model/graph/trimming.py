"""Takes off a model what is not needed for scores of an image: training inputs, a final TopK."""

from typing import Any

import numpy as np

from batchcls.model.graph.ending import SHAPING
from batchcls.model.graph.ports import name_of
from batchcls.model.runtime import Model, Type, opset13


def trim(model: Model) -> list[str]:
    """Take both off a model; what people should know about it.

    Args:
        model: as read; changed in place.
    """
    notes = _switch_off(model)
    _keep_all_scores(model)
    return notes


def _switch_off(model: Model) -> list[str]:
    """Fix truth values among the inputs (TensorFlow's `training`, `phase_train`) at false."""
    done = []
    for index, port in enumerate(model.inputs):
        shape = port.get_partial_shape()
        if port.get_element_type() != Type.boolean or shape.is_dynamic or len(model.inputs) == 1:
            continue
        off = opset13.constant(np.zeros(tuple(shape.to_shape()), bool))
        for target in list(port.get_target_inputs()):
            target.replace_source_output(off.output(0))
        model.remove_parameter(port.get_node())
        done.append(f"the model's input {name_of(port, f'#{index}')} is set to false")
    return done


def _keep_all_scores(model: Model) -> None:
    """Replace outputs of a TopK by what it chose from.

    model_api used to end the models it saved so, with `indices` and `scores` of the best. Sorted
    scores look like the scores of that many classes, and would be taken for them.
    """
    sources = []
    for result in model.get_results():
        node = result.input_value(0).get_node()
        while node.get_type_name() in SHAPING:
            node = node.input_value(0).get_node()
        if node.get_type_name() == "TopK":
            model.remove_result(result)
            sources.append(node.input_value(0))
    kept = [_key(result.input_value(0)) for result in model.get_results()]
    for source in sources:
        if _key(source) not in kept:
            model.add_results([opset13.result(source)])
            kept.append(_key(source))


def _key(source: Any) -> tuple[str, int]:
    return source.get_node().get_name(), source.get_index()
