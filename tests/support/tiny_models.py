"""Tiny IR models for tests: one that echoes its input tensor as scores, one that tells colours."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
from openvino import opset13 as ops

from batchcls.model.infer.classifier import Classifier

VCPU = "VCPU=libopenvino_intel_cpu_plugin.so"
"""A second real device: the CPU plugin under another name (it must contain "CPU")."""
WAIT_S = 20.0


def save(model: ov.Model, path: Path, info: Mapping[str, Any] | None = None) -> Path:
    """Write an IR with `model_info`; returns the .xml's path."""
    for key, value in (info or {}).items():
        model.set_rt_info(value, ["model_info", key])
    ov.save_model(model, str(path), compress_to_fp16=False)
    return path


def echo_model(
    height: int = 4, width: int = 4, layout: str = "NCHW", element_type: str = "f32"
) -> ov.Model:
    """Scores are the input tensor, flattened: height * width * 3 classes, raw."""
    sizes = {"N": 1, "C": 3, "H": height, "W": width}
    parameter = ops.parameter([sizes[letter] for letter in layout], ov.Type(np.float32))
    if element_type != "f32":
        parameter = ops.parameter(
            [sizes[letter] for letter in layout], {"u8": ov.Type.u8, "i8": ov.Type.i8}[element_type]
        )
    parameter.output(0).get_tensor().set_names({"image"})
    flat = ops.reshape(
        ops.convert(parameter, "f32"), np.array([1, height * width * 3]), special_zero=False
    )
    flat.output(0).get_tensor().set_names({"scores"})
    return ov.Model([flat], [parameter], "echo")


def colour_model(
    size: int = 8,
    *,
    softmax: bool = False,
    sigmoid: bool = False,
    batch: int = 1,
    dynamic: bool = False,
) -> ov.Model:
    """Scores are the channels' means / 16: 3 classes, in the order of the channels.

    It ends in a Reshape to a constant [1, 3], as converted TFLite models do.
    """
    shape = ov.PartialShape([-1, 3, -1, -1]) if dynamic else ov.PartialShape([batch, 3, size, size])
    parameter = ops.parameter(shape, ov.Type.f32)
    parameter.output(0).get_tensor().set_names({"image"})
    weights = np.eye(3, dtype=np.float32).reshape(3, 3, 1, 1) / 16
    convolved = ops.convolution(parameter, weights, [1, 1], [0, 0], [0, 0], [1, 1])
    convolved.set_friendly_name("colours")
    pooled = ops.reduce_mean(convolved, np.array([2, 3]), keep_dims=False)
    pooled.set_friendly_name("mean")
    scores = pooled if dynamic else ops.reshape(pooled, np.array([1, 3]), special_zero=False)
    if softmax:
        scores = ops.softmax(scores, 1)
    if sigmoid:
        scores = ops.sigmoid(scores)
    scores.output(0).get_tensor().set_names({"scores"})
    return ov.Model([scores], [parameter], "colours")


def quantised_colour_model(size: int = 8) -> ov.Model:
    """Like `colour_model`, with uint8 input and a uint8 softmax of scale 1/256, as TFLite's are."""
    parameter = ops.parameter([1, size, size, 3], ov.Type.u8)
    mean = ops.reduce_mean(ops.convert(parameter, "f32"), np.array([1, 2]), keep_dims=False)
    probabilities = ops.softmax(ops.multiply(mean, np.float32(1 / 64)), 1)
    limits = [np.array([v], np.float32) for v in (0.0, 255 / 256, 0.0, 255.0)]
    quantised = ops.fake_quantize(probabilities, *limits, 256)
    return ov.Model([ops.convert(quantised, "u8")], [parameter], "quantised")


def flat_colour(bgr: tuple[int, int, int], height: int = 20, width: int = 30) -> Any:
    """A decoded image of one colour."""
    return np.full((height, width, 3), bgr, np.uint8)


def raw_scores(classifier: Classifier, images: list[Any], ring: int = 0) -> Any:
    """Of decoded images, in one infer request."""
    one = classifier.rings[ring]
    one.start(list(range(len(images))), [classifier.prepare(image) for image in images])
    finished = one.wait(WAIT_S)
    assert finished is not None
    assert finished.error is None
    assert finished.tags == tuple(range(len(images)))
    return finished.scores
