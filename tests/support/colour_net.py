"""A small network that can be quantised, and the colours that it tells apart."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import openvino as ov
from openvino import opset13 as ops

from tests.support.tiny_models import save

COLOURS = {"blue": (200, 40, 40), "green": (40, 200, 40), "red": (40, 40, 200)}
INFO = {
    "model_type": "Classification",
    "labels": "blue green red",
    "resize_type": "standard",
    "mean_values": "120 120 120",
    "scale_values": "60 60 60",
}


def colour_net(path: Path, *, normalised: bool = False, info: Mapping[str, str] = INFO) -> Path:
    """A convolution, perhaps its normalisation, and a pooling: they find the strongest channel."""
    image = ops.parameter([1, 3, 16, 16], ov.Type.f32, name="image")
    image.output(0).get_tensor().set_names({"image"})
    kernel = np.zeros((3, 3, 3, 3), np.float32)
    for n in range(3):
        kernel[n, n] = 0.1
    conv = ops.convolution(image, kernel, [1, 1], [1, 1], [1, 1], [1, 1])
    if normalised:
        scale, shift = (np.full((1, 3, 1, 1), value, np.float32) for value in (1.5, 0.1))
        conv = ops.add(ops.multiply(conv, scale), shift)
    pooled = ops.reduce_mean(ops.relu(conv), np.array([2, 3]), keep_dims=False)
    scores = ops.softmax(pooled, 1)
    scores.output(0).get_tensor().set_names({"scores"})
    return save(ov.Model([scores], [image], "colours"), path, info)
