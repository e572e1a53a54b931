"""Takes the rounding between the layers out of a quantised model: its weights, computed in float.

    python unquantised.py MODEL.tflite OUT.xml

Where top-1 answers are compared, a quantised model's own steps decide between near classes.
"""

import sys

import openvino as ov


def unquantise(model: ov.Model) -> int:
    """Leave out every FakeQuantize but the input's, which brings pixels to scale; how many."""
    found = 0
    for operation in model.get_ordered_ops():
        if operation.get_type_name() != "FakeQuantize":
            continue
        source = operation.input_value(0)
        if source.get_node().get_type_name() == "Convert":
            continue
        for reader in operation.output(0).get_target_inputs():
            reader.replace_source_output(source)
        found += 1
    scores = model.outputs[0].get_node().input_value(0)
    if scores.get_node().get_type_name() == "Convert":  # to bytes, of which 0 to 1 are all zero
        model.outputs[0].get_node().input(0).replace_source_output(scores.get_node().input_value(0))
    model.validate_nodes_and_infer_types()
    return found


if __name__ == "__main__":
    loaded = ov.Core().read_model(sys.argv[1])
    if not unquantise(loaded):
        raise SystemExit(f"{sys.argv[1]} rounds nothing between its layers")
    ov.save_model(loaded, sys.argv[2], compress_to_fp16=False)
