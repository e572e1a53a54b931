"""Fixes inputs that only training needs, so that an image is all that a model wants."""

import numpy as np
from openvino import Model, Type, opset13

from batchcls.model.graph import name_of


def switch_off(model: Model) -> list[str]:
    """Fix truth values among the inputs (TensorFlow's `training`, `phase_train`) at false.

    Returns:
        What was done, for people.
    """
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
