"""A small network with features before its last layer, or with features alone."""

from typing import Any

import numpy as np
import openvino as ov
from openvino import opset13 as ops

SIZE, WIDTH = 16, 24


def layered(named: str = "scores", *, last: str = "layer") -> ov.Model:
    """Colours → WIDTH features "pooled" → 3 classes; or the features alone, of length 1."""
    chance = np.random.default_rng(3)
    image = ops.parameter([1, 3, SIZE, SIZE], ov.Type.f32)
    image.output(0).get_tensor().set_names({"image"})
    kernel = chance.standard_normal((WIDTH, 3, 3, 3)).astype(np.float32)
    mixed = ops.relu(ops.convolution(image, kernel, [2, 2], [0, 0], [0, 0], [1, 1]))
    pooled = ops.reduce_mean(mixed, np.array([2, 3]), keep_dims=False)
    pooled.output(0).get_tensor().set_names({"pooled"})
    end: Any = ops.normalize_l2(pooled, np.array([1]), 1e-9, "add")
    if last == "layer":
        weights = chance.standard_normal((3, WIDTH)).astype(np.float32)
        end = ops.softmax(ops.matmul(pooled, weights, False, True), 1)
    end.output(0).get_tensor().set_names({named})
    return ov.Model([end], [image], "layered")


INFO = {"model_type": "Classification", "resize_type": "standard"}
