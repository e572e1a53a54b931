"""EfficientNet-Lite0 as an OpenVINO model: its layers, from the tensors of its checkpoint.

Source of the architecture: the authors' efficientnet_lite_builder.py (tensorflow/tpu, Apache-2.0),
and efficientnet_lite_pytorch 0.1.0, whose names the tensors have. Every batch normalisation is
folded into the convolution before it, in float64 and by element: NumPy rounds each operation as
IEEE 754 says, so that the weights have the same bits on every machine.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from batchcls.model.runtime import Model, opset13

Tensors = Mapping[str, NDArray[Any]]

SIDE = 224
"""Height and width of the input, pixels."""

_EPSILON = 1e-3
_BLOCKS = (
    # repeats, stride of the first, channels in, expanded by, channels out
    (1, 1, 32, 1, 16),
    (2, 2, 16, 6, 24),
    (2, 2, 24, 6, 40),
    (3, 2, 40, 6, 80),
    (3, 1, 80, 6, 112),
    (4, 2, 112, 6, 192),
    (1, 1, 192, 6, 320),
)


def build(tensors: Tensors) -> Model:
    """The network: ``pixels``, (1, 3, 224, 224) normalised RGB, to ``scores``, (1, 1000).

    Raises:
        KeyError: a tensor is missing.
    """
    net = _Net(tensors)
    pixels = net.named(opset13.parameter([1, 3, SIDE, SIDE], np.float32), "pixels")
    found = net.convolution(pixels, "_conv_stem", "_bn0", stride=2)
    number = 0
    for repeats, first_stride, channels, expanded, out in _BLOCKS:
        for repeat in range(repeats):
            stride = 1 if repeat else first_stride
            name = f"_blocks.{number}."
            into = found
            if expanded > 1:
                found = net.convolution(found, name + "_expand_conv", name + "_bn0")
            found = net.convolution(found, name + "_depthwise_conv", name + "_bn1", stride=stride)
            found = net.convolution(found, name + "_project_conv", name + "_bn2", clamped=False)
            if stride == 1 and (channels == out or repeat):
                found = net.named(opset13.add(found, into), name + "add")
            number += 1
    found = net.convolution(found, "_conv_head", "_bn1")
    axes = net.constant(np.array([2, 3], np.int64), "axes")
    found = net.named(opset13.reduce_mean(found, axes, keep_dims=False), "mean")
    weights = net.constant(tensors["_fc.weight"], "_fc.weight")
    found = net.named(opset13.matmul(found, weights, False, True), "_fc")
    found = net.named(opset13.add(found, net.constant(tensors["_fc.bias"], "_fc.bias")), "logits")
    scores = net.named(opset13.softmax(found, 1), "softmax")
    result = net.named(opset13.result(scores), "scores")
    model = Model([result], [pixels], "efficientnet_lite0")
    model.inputs[0].set_names({"pixels"})
    model.outputs[0].set_names({"scores"})
    return model


class _Net:
    """Makes layers, each with a name of its own: OpenVINO would number them per process."""

    def __init__(self, tensors: Tensors) -> None:
        self._tensors = tensors

    def convolution(
        self, into: Any, name: str, normal: str, *, stride: int = 1, clamped: bool = True
    ) -> Any:
        """A convolution, TensorFlow's padding, with its batch normalisation; then ReLU6."""
        weights, bias = self._folded(name, normal)
        depthwise = weights.shape[1] == 1
        if depthwise:
            weights = weights[:, None]  # one group for each channel
        make = opset13.group_convolution if depthwise else opset13.convolution
        found = make(
            into, self.constant(weights, name + ".weight"), [stride, stride], [0, 0], [0, 0],
            [1, 1], "same_upper",
        )  # fmt: skip
        found = opset13.add(
            self.named(found, name), self.constant(bias[:, None, None], name + ".bias")
        )
        self.named(found, name + ".biased")
        return self.named(opset13.clamp(found, 0.0, 6.0), name + ".relu6") if clamped else found

    def constant(self, values: NDArray[Any], name: str) -> Any:
        """A constant, (…)."""
        return self.named(opset13.constant(np.ascontiguousarray(values)), name)

    @staticmethod
    def named(node: Any, name: str) -> Any:
        """The node, under this name."""
        node.set_friendly_name(name)
        return node

    def _folded(self, name: str, normal: str) -> tuple[NDArray[Any], NDArray[Any]]:
        """Weights (out, in, height, width) and bias (out,), float32."""
        weights = self._tensors[name + ".weight"].astype(np.float64)
        gain, bias, mean, variance = (
            self._tensors[f"{normal}.{part}"].astype(np.float64)
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        factor = gain / np.sqrt(variance + _EPSILON)
        return (
            (weights * factor[:, None, None, None]).astype(np.float32),
            (bias - mean * factor).astype(np.float32),
        )
