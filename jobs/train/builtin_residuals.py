"""What is left of a picture without its edges: the built-in model's measure of noise. OpenVINO ops.

Immerkaer's residual (Fast Noise Variance Estimation, 1996) cancels edges and slopes, and keeps
noise; texture keeps some, too, but not everywhere, not in the colours, and more of it at half the
size, where noise averages out. So it is taken of luma and two colour differences, at both sizes,
in cells of nine pixels, and the calmest, busiest and mean cells are what the head sees.
"""

from typing import Any

import numpy as np
import openvino as ov
from numpy.typing import NDArray
from openvino import opset13 as ops

STEP, CELL = 4, 3
"""The residual is taken at every fourth pixel, both ways; three by three of them are a cell."""

FLOOR = 2e-3
"""Added to every cell, in units of the normalised input: a logarithm of nothing says too much."""

_LUMA_AND_COLOURS = np.array([[0.299, 0.587, 0.114], [0.5, -0.5, 0], [-0.25, -0.25, 0.5]])
_RESIDUAL = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]]) / 6
_SIDE = 6


def _constant(values: Any, dtype: Any = np.float32) -> Any:
    return ops.constant(np.array(values, dtype, order="C"))


def _filters(scale: int) -> NDArray[np.float64]:
    """The residual of a picture reduced by this scale, of the picture itself: (3, 3, 6, 6)."""
    kernel, margin = np.zeros((_SIDE, _SIDE)), (_SIDE - 3 * scale) // 2
    inside = slice(margin, margin + 3 * scale)
    kernel[inside, inside] = np.kron(_RESIDUAL, np.ones((scale, scale))) / scale**2
    return _LUMA_AND_COLOURS[:, :, None, None] * kernel


def statistics(pixels: ov.Output) -> ov.Output:
    """(N, 3, height, width) normalised RGB → (N, 30): logarithms of five means of six residuals."""
    filters = _constant(np.concatenate([_filters(1), _filters(2)]))
    residual = ops.convolution(pixels, filters, [STEP, STEP], [0, 0], [0, 0], [1, 1])
    size = [CELL, CELL]
    means = ops.avg_pool(ops.abs(residual), size, [0, 0], [0, 0], size, True)
    cells = ops.add(means, _constant(FLOOR))
    inverse = ops.divide(
        _constant(FLOOR), cells
    )  # 0..1: the calm cells count, the busy ones do not
    cubed = ops.multiply(inverse, ops.multiply(inverse, inverse))
    space = _constant([2, 3], np.int64)
    found = [
        ops.reduce_min(cells, space, False),
        ops.reduce_max(cells, space, False),
        ops.reduce_mean(cells, space, False),
        ops.reduce_mean(inverse, space, False),
        ops.reduce_mean(cubed, space, False),
    ]
    return ops.concat([ops.log(one) for one in found], 1).output(0)
