"""Pillow's resampling, bit for bit, without Pillow.

Weighed: Pillow itself. It is slower, and answers would depend on which version is installed (1).

Models trained with torchvision, timm or transformers saw images that Pillow made smaller with an
antialiasing filter; OpenCV's interpolation differs by many steps. OpenVINO's
RESIZE_BILINEAR_PILLOW is off by one step on 0.1 %, and slower by far in a graph of its own.

1. Horizontal pass first, rounded to 8 bits in between: as Pillow up to 12.1, with which the models
   of today were trained. Pillow 12.2 goes vertically first where the height is over 100 times the
   width (pull request 9524), Pillow 13 wherever that is less work (9549), which moves bicubic and
   Lanczos values of such images by up to 16 steps.
2. Coefficients are rounded to 22 bits as Pillow's fixed-point ones are. Sums of them fit float64
   without a gap, in whatever order a processor adds them up, but float32 takes half the time. So
   sums are in float32, and those that lie so near to a half that they might round to another step
   (one value of 2,000) are made once more, exactly. One step matters: quantised models turn it into
   other answers (one or two of 300 photos, measured).
3. Each pass is a row of small matrix products, one per band of outputs: the filter's weights are
   zero far from the diagonal, so a full matrix would be nearly all zeros. Both passes go down the
   rows; the picture lies on its side for the horizontal one.
4. Only the window that is kept is computed, and images go through in blocks: of rows for the
   horizontal pass, of columns for the vertical one.
5. A plain border around the picture is no pixels but a constant for each output: what its weights
   add up to, times its colour. A strip of a million pixels costs no square of a million by a
   million.
6. Photographs come in many sizes, and each has weights of its own: they are made without a loop
   over outputs (0.1 ms an axis), and kept for a while.

Source of the formulas: Pillow's Resample.c (precompute_coeffs, normalize_coeffs_8bpc).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Floats = NDArray[Any]

_PRECISION = 1 << 22
_HALF_UP = 2.0**-24
"""Less than any two sums differ by: what lies between two whole numbers rounds up."""
_ROUNDING = 2.0**-24
"""Relative error of one operation in float32, at most."""
_DOUBT = 2.0**-6
"""Where sums in float32 may be off by more, they are in float64 at once: of so many inputs (about
600) too many would have to be made twice."""
_BAND = 8
"""Outputs per matrix product: the fewer, the less is multiplied by zero; measured."""
_BLOCK = 400_000
"""Numbers that are converted to floats at a time. Larger blocks leave the cache, and their memory
is more than a worker keeps (`decode.memory`): where a block had 9.6 MB, each photograph of 500 by
375 pixels met 700 fresh pages, and `--fast` with EfficientNet-Lite0 ran at 250 images/s for 280."""
_LEAST = 32
"""Columns of a block, so that a matrix product is worth its call."""


def _triangle(x: Floats) -> Floats:
    return np.maximum(0.0, 1.0 - np.abs(x))


def _box(x: Floats) -> Floats:
    return ((x > -0.5) & (x <= 0.5)).astype(np.float64)


def _hamming(x: Floats) -> Floats:
    # Pillow's constants are floats of C, not doubles.
    a, b = float(np.float32(0.54)), float(np.float32(0.46))
    wave: Floats = np.sinc(x) * (a + b * np.cos(np.pi * x))
    return np.where(np.abs(x) < 1.0, wave, 0.0)


def _cubic(x: Floats) -> Floats:
    """Keys's cubic with a = -0.5 (OpenCV's has a = -0.75)."""
    a, x = -0.5, np.abs(x)
    near = ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0
    far = (((x - 5.0) * x + 8.0) * x - 4.0) * a
    return np.where(x < 1.0, near, np.where(x < 2.0, far, 0.0))


def _lanczos(x: Floats) -> Floats:
    wave: Floats = np.sinc(x) * np.sinc(x / 3.0)
    return np.where((x >= -3.0) & (x < 3.0), wave, 0.0)


FILTERS: dict[str, tuple[float, Callable[[Floats], Floats]]] = {
    "pillow_box": (0.5, _box),
    "pillow_bilinear": (1.0, _triangle),
    "pillow_hamming": (1.0, _hamming),
    "pillow_bicubic": (2.0, _cubic),
    "pillow_lanczos": (3.0, _lanczos),
}
"""Each one's support in pixels, and its weight at a distance."""


@dataclass(frozen=True, slots=True)
class _Axis:
    """How the outputs of one axis come from its inputs, in bands of neighbouring outputs.

    Attributes:
        first: input that any band needs.
        last: see `first`; exclusive.
        starts: of each band, the first of its inputs, counted from `first`.
        weights: (bands, outputs, inputs) of 1; the last band's outputs may be more than there are.
            Float32, in which they are exact, or float64.
        border: (bands, outputs, 1), sums of the weights of the border; None where there is none.
        doubt: by how much a sum may be off, in steps; 0 where it is exact.
    """

    first: int
    last: int
    starts: list[int]
    weights: Floats
    border: Floats | None
    doubt: float


def resize(
    image: Pixels,
    size: tuple[int, int],
    window: tuple[int, int, int, int],
    interpolation: str,
    box: tuple[float, float, float, float] | None = None,
    border: Sequence[int] = (0,),
) -> Pixels:
    """A window of an image at another size.

    Args:
        image: (H, W, C).
        size: (width, height) of the whole resized picture.
        window: (left, top, right, bottom) of what is wanted of it.
        interpolation: one of `FILTERS`, or "pillow_nearest", which takes whole pixels and neither
            box nor border.
        box: (left, top, right, bottom) of the image that is resized, parts of pixels too, as in
            Pillow's `resize(box=…)`; None is the whole. Where it reaches over the image's edges,
            there is a border.
        border: its colour, one value or one per channel.

    Returns:
        (bottom - top, right - left, C).
    """
    left, top, right, bottom = window
    if interpolation == "pillow_nearest":
        rows = _nearest(image.shape[0], size[1], top, bottom)
        columns = _nearest(image.shape[1], size[0], left, right)
        return image[rows[:, None], columns[None]]
    channels = image.shape[2]
    box = box or (0, 0, image.shape[1], image.shape[0])
    across = _axis(image.shape[1], box[0], box[2], size[0], left, right, interpolation)
    down = _axis(image.shape[0], box[1], box[3], size[1], top, bottom, interpolation)
    colour = np.resize(np.asarray(border, np.float64), channels)
    kept = image[down.first : down.last, across.first : across.last]
    width = right - left
    middle = np.empty((len(kept), width, channels), np.uint8)
    most = max(_LEAST, _BLOCK // (kept.shape[1] * channels))
    for row in range(0, len(kept), most):
        block = kept[row : row + most]
        lying = _turned(block)
        outputs = _pass(lying.reshape(len(lying), -1), across, width, colour)
        middle[row : row + most] = _turned(outputs.reshape(width, len(block), channels))
    beside, columns = middle.reshape(len(kept), -1), width * channels
    out = np.empty((bottom - top, columns), np.uint8)
    most = channels * max(_LEAST, _BLOCK // (len(kept) * channels))
    for column in range(0, columns, most):
        part = slice(column, column + most)
        out[:, part] = _pass(beside[:, part], down, bottom - top, colour)
    return out.reshape(bottom - top, width, channels)


def _turned(image: Pixels) -> Pixels:
    """Rows as columns; faster than NumPy's copy of a transposed view, by far."""
    height, width, channels = image.shape
    return np.asarray(cv2.transpose(image), np.uint8).reshape(width, height, channels)


def _pass(rows: Pixels, axis: _Axis, count: int, colour: Floats) -> Pixels:
    """Resize along the first axis.

    Args:
        rows: (axis.last - axis.first, …), a pixel's channels beside each other.
        axis: what becomes of them.
        count: of rows that there are to be.
        colour: of the border, by channel.

    Returns:
        (count, …), rounded as Pillow's clip8: half up, into 0 to 255.
    """
    inputs = rows.astype(axis.weights.dtype)
    bands, outputs, taps = axis.weights.shape
    sums = np.empty((bands, outputs, rows.shape[1]), axis.weights.dtype)
    for start, weights, band in zip(axis.starts, axis.weights, sums, strict=True):
        np.matmul(weights, inputs[start : start + taps], out=band)
    if axis.border is not None:
        sums += axis.border * np.resize(colour, rows.shape[1])
    sums = sums.reshape(bands * outputs, -1)[:count]
    if axis.doubt:
        return _rounded(sums, rows, axis, colour)
    # Not `cv2.add`, for which a single sum and a number are two matrices of one size.
    rounded = cv2.addWeighted(sums, 1.0, sums, 0.0, _HALF_UP, dtype=cv2.CV_8U)
    return np.asarray(rounded, np.uint8)


def _rounded(sums: Floats, rows: Pixels, axis: _Axis, colour: Floats) -> Pixels:
    """Sums in float32 as `_pass` rounds exact ones."""
    cv2.threshold(sums, 0.0, 0.0, cv2.THRESH_TOZERO, dst=sums)
    # Half the time of `addWeighted`; there is nothing below 0 for it to turn around.
    low, high = (
        np.asarray(cv2.convertScaleAbs(sums, alpha=1.0, beta=doubt), np.uint8)
        for doubt in (-axis.doubt, axis.doubt)
    )
    doubtful = np.flatnonzero(low != high)
    if doubtful.size:
        taps = axis.weights.shape[2]
        output, column = np.divmod(doubtful, rows.shape[1])
        places = np.take(axis.starts, output // _BAND)[:, None] + np.arange(taps)
        weights = axis.weights.reshape(-1, taps)[output].astype(np.float64)
        exact = (weights * rows[places, column[:, None]]).sum(axis=1)
        if axis.border is not None:
            exact += axis.border.reshape(-1)[output] * colour[column % len(colour)]
        high.reshape(-1)[doubtful] = np.floor(exact + 0.5).clip(0, 255)
    return high


@lru_cache(maxsize=256)
def _axis(
    old: int, begin: float, end: float, new: int, first: int, last: int, interpolation: str
) -> _Axis:
    """Outputs `first` to `last` of one axis."""
    lows, highs, whole = _coefficients(old, begin, end, new, first, last, interpolation)
    places = lows[:, None] + np.arange(whole.shape[1])
    there = (places >= 0) & (places < old)
    # A band of outputs that see the border alone has an input, too, of no weight.
    bands = -(-len(lows) // _BAND)
    spare = (0, bands * _BAND - len(lows))
    low = np.pad(lows.clip(0, old - 1), spare, mode="edge").reshape(bands, _BAND).min(axis=1)
    high = np.pad(highs.clip(1, old), spare, mode="edge").reshape(bands, _BAND).max(axis=1)
    taps = int((high - low).max())
    starts = np.minimum(low, old - taps)
    columns = places - np.repeat(starts, _BAND)[: len(lows), None]
    there &= columns < taps  # beyond an output's last input there is no weight
    weights = np.zeros((bands * _BAND, taps))
    weights[np.nonzero(there)[0], columns[there]] = whole[there]
    # Each product and each addition rounds once; so do the border's, and what rounds to steps.
    most, largest = (highs - lows).max() + 4, np.abs(whole).sum(axis=1).max() / _PRECISION
    doubt = float(255 * largest * most * _ROUNDING)
    kind = np.float32 if doubt < _DOUBT else np.float64
    border = np.zeros(bands * _BAND)
    border[: len(lows)] = whole.sum(axis=1) - weights[: len(lows)].sum(axis=1)
    return _Axis(
        int(starts.min()),
        int(starts.max()) + taps,
        (starts - starts.min()).tolist(),
        (weights.reshape(bands, _BAND, taps) / _PRECISION).astype(kind),
        border.reshape(bands, _BAND, 1) / _PRECISION if border.any() else None,
        doubt if kind is np.float32 else 0.0,
    )


def _coefficients(
    old: int, begin: float, end: float, new: int, start: int, stop: int, interpolation: str
) -> tuple[NDArray[np.int64], NDArray[np.int64], Floats]:
    """Inputs [low, high) and weights of each output, as Pillow computes and rounds them.

    Inputs below 0 and from `old` on are the border's. The weights are whole numbers, in units of
    1 / `_PRECISION`.
    """
    support, function = FILTERS[interpolation]
    if begin == 0 and old == end == new:
        where = np.arange(start, stop)
        return where, where + 1, np.full((stop - start, 1), float(_PRECISION))
    scale = (end - begin) / new
    stretch = max(scale, 1.0)
    support *= stretch
    # Counted from the border's first pixel, as Pillow does with one that is in the picture.
    origin, edge = min(0, math.floor(begin)), max(old, math.ceil(end))
    centre = (begin - origin) + (np.arange(start, stop) + 0.5) * scale
    low = np.maximum((centre - support + 0.5).astype(np.int64), 0)
    high = np.minimum((centre + support + 0.5).astype(np.int64), edge - origin)
    taps = np.arange(int((high - low).max()))[None]
    weights = function((taps + low[:, None] - centre[:, None] + 0.5) * (1.0 / stretch))
    weights = np.where(taps < (high - low)[:, None], weights, 0.0)
    total = weights.sum(axis=1, keepdims=True)
    weights = weights / np.where(total == 0.0, 1.0, total)
    whole = np.trunc(weights * _PRECISION + np.copysign(0.5, weights))
    return low + origin, high + origin, whole


def _nearest(old: int, new: int, first: int, last: int) -> NDArray[np.int64]:
    """Pillow adds up the steps one by one, rounding errors included."""
    step = old / new
    steps = np.full(last, step)
    steps[0] = step * 0.5
    found = np.add.accumulate(steps)[first:].astype(np.int64)
    return np.minimum(found, old - 1)
