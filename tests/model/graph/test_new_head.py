"""Another head: features are rounded as to float16, on devices too that compute in float32."""

import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as ops

from batchcls.model.graph.new_head import _as_float16


@pytest.mark.runs
@pytest.mark.parametrize("precision", ["f32", "bf16"])
def test_values_are_rounded_as_numpy_rounds_them_to_float16(precision: str) -> None:
    rng = np.random.default_rng(1)
    any_size = np.exp2(rng.uniform(-30, 15.9, 20_000))
    between = rng.integers(1, 1 << 12, 20_000) * np.exp2(rng.integers(-26, 3, 20_000))
    powers = np.exp2(np.arange(-26, 16))
    values = np.concatenate([any_size, between, powers, [0.0]]).astype(np.float32)
    values = np.concatenate([values, -values])[None]
    parameter = ops.parameter(values.shape, ov.Type.f32)
    model = ov.Model([ops.result(_as_float16(parameter))], [parameter], "rounding")
    compiled = ov.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": precision})
    assert np.array_equal(compiled(values)[0], values.astype(np.float16).astype(np.float32))
