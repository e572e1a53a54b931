"""Gives a model whose weights are made up by its graph constants for weights, as real ones have.

    python filled.py MODEL.onnx OUT.xml

The models of the package `onnx` broadcast one number to each weight's shape. They compute at full
cost, but NNCF does not take such weights for weights, and leaves them in floating point.
"""

import sys

import numpy as np
import openvino as ov


def fill(model: ov.Model) -> int:
    """Replace each broadcast weight by random numbers that keep activations in range; how many."""
    random = np.random.default_rng(0)
    found = 0
    for operation in model.get_ordered_ops():
        shape = operation.output(0).partial_shape
        if operation.get_type_name() != "Broadcast" or shape.is_dynamic or len(shape) < 2:
            continue
        sizes = [int(one.get_length()) for one in shape]
        values = random.standard_normal(sizes, np.float32) * np.sqrt(2 / np.prod(sizes[1:]))
        constant = ov.opset13.constant(values.astype(np.float32))
        for reader in operation.output(0).get_target_inputs():
            reader.replace_source_output(constant.output(0))
        found += 1
    return found


if __name__ == "__main__":
    loaded = ov.Core().read_model(sys.argv[1])
    if not fill(loaded):
        raise SystemExit(f"{sys.argv[1]} has no weights of that kind")
    ov.save_model(loaded, sys.argv[2], compress_to_fp16=False)
