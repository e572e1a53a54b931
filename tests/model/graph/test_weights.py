"""Quantised weights, folded into plain ones."""

import numpy as np
import openvino as ov
from openvino import opset13 as ops

from batchcls.model.graph import weights


def quantised_weights() -> ov.Model:
    parameter = ops.parameter([1, 3, 8, 8], ov.Type.f32)
    ints = ops.constant(np.arange(-6, 6, dtype=np.int8).reshape(4, 3, 1, 1))
    shifted = ops.subtract(ops.convert(ints, "f32"), np.full((4, 1, 1, 1), 2, np.float32))
    scaled = ops.multiply(shifted, np.array([0.5, 1, 2, 4], np.float32).reshape(4, 1, 1, 1))
    convolved = ops.convolution(parameter, scaled, [1, 1], [0, 0], [0, 0], [1, 1])
    pooled = ops.reduce_mean(convolved, np.array([2, 3]), keep_dims=False)
    return ov.Model([pooled], [parameter], "int8 weights")


def test_folded_weights_compute_the_same() -> None:
    image = np.random.default_rng(1).random((1, 3, 8, 8), np.float32)
    model, core = quantised_weights(), ov.Core()
    before = core.compile_model(model, "CPU", {"NUM_STREAMS": "1"})(image)[0]
    assert weights.fold(model) == 1
    model.validate_nodes_and_infer_types()
    assert not any(
        op.get_type_name() == "Constant" and op.get_element_type() == ov.Type.i8
        for op in model.get_ordered_ops()
    )
    after = core.compile_model(model, "CPU", {"NUM_STREAMS": "1"})(image)[0]
    np.testing.assert_allclose(after, before, rtol=1e-5)
    assert weights.fold(model) == 0
