"""Decides what an image goes through on its way into the model: sizes, crop, order, numbers. Pure.

Execution is elsewhere: `spatial` brings a decoded image to the input's size and channel order,
`graph.edits` puts mean, scale, type and layout into the model.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from batchcls.errors import ModelError
from batchcls.job import choices
from batchcls.job.choices import INTERPOLATIONS
from batchcls.model.preprocess.settings import Settings

ResizeType = (
    choices.ResizeType
    | Literal[
        "crop_only",  # centre crop or pad without any resize
        "embedded",  # nothing: the graph does it
    ]
)
"""What a job may choose, and what only a model's files can say."""

RESIZE_TYPES: tuple[ResizeType, ...] = (*choices.RESIZE_TYPES, "crop_only", "embedded")

NEEDS_RESIZE_TO = frozenset({"shortest_edge", "squash", "border", "centre_fraction"})
USUAL_CROP_PCT = 0.875
"""256 for 224: what nearly all ImageNet pipelines with a crop use, and timm's default."""

SAMPLE_DEFAULT = "a guess: the default of OpenVINO's sample"


@dataclass(frozen=True, slots=True)
class Preprocess:
    """What an image goes through, whole.

    Attributes:
        height: of the model's input, pixels.
        width: likewise.
        channels: 3, or 1 for gray models.
        resize_type: one of `RESIZE_TYPES`.
        resize_to: (height, width) of the picture before the crop; for "shortest_edge" and "border"
            the box that one edge must meet; None where the type has no second size.
        crop_rounding: of half a pixel of a centre crop: "even" (torchvision, timm) or "floor"
            (transformers).
        interpolation: one of `batchcls.job.choices.INTERPOLATIONS`.
        pad_value: of added borders, per channel in the model's order.
        reverse_input_channels: images are decoded as BGR; True turns them to RGB.
        mean_values: subtracted per channel, in the model's channel order, in units of the input
            after `intensity`; empty = nothing.
        scale_values: divisors after the mean; empty = nothing.
        input_dtype: what the model's graph gets: "u8", "u16", "i16" or "f32".
        intensity: mapping of pixel values before the mean: ("none",), ("scale_to_unit", max),
            ("window", centre, width), ("percentile", low, high),
            ("range_scale", factor, min[, max])
    """

    height: int
    width: int
    channels: int = 3
    resize_type: str = "standard"
    resize_to: tuple[int, int] | None = None
    crop_rounding: str = "even"
    interpolation: str = "linear"
    pad_value: tuple[int, ...] = (0,)
    reverse_input_channels: bool = False
    mean_values: tuple[float, ...] = ()
    scale_values: tuple[float, ...] = ()
    input_dtype: str = "u8"
    intensity: tuple[str | float, ...] = ("none",)

    def as_dict(self) -> dict[str, Any]:
        """The same as JSON data."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class Geometry:
    """The steps for one image size: cut, resize, then place on the canvas.

    Attributes:
        source: (left, top, width, height) of what is cut out of the image first.
        size: (width, height) it is resized to.
        offset: (left, top) of the canvas's corner in the resized picture; negative where the
            canvas is larger and a border is added.
    """

    source: tuple[int, int, int, int]
    size: tuple[int, int]
    offset: tuple[int, int]


def resolve(settings: Settings, height: int, width: int, channels: int) -> Preprocess:
    """Fill the gaps of merged settings with the old sample's defaults.

    Raises:
        ModelError: a value that is not known or does not fit the input.
    """
    kind = settings.resize_type or "standard"
    if kind not in RESIZE_TYPES:
        known = ", ".join(RESIZE_TYPES)
        raise ModelError(f"unknown resize type {kind!r}; expected one of {known}")
    interpolation = settings.interpolation or "linear"
    if interpolation not in INTERPOLATIONS:
        known = ", ".join(INTERPOLATIONS)
        raise ModelError(f"unknown interpolation {interpolation!r}; expected one of {known}")
    resize_to = settings.resize_to if kind in NEEDS_RESIZE_TO else None
    if kind in NEEDS_RESIZE_TO and resize_to is None:
        share = settings.crop_pct or USUAL_CROP_PCT
        resize_to = (math.floor(height / share), math.floor(width / share))
    found = Preprocess(
        height=height,
        width=width,
        channels=channels,
        resize_type=kind,
        resize_to=resize_to,
        crop_rounding=settings.crop_rounding or "even",
        interpolation=interpolation,
        pad_value=settings.pad_value or (0,),
        reverse_input_channels=bool(settings.reverse_input_channels),
        mean_values=_per_channel("mean_values", settings.mean_values, channels),
        scale_values=_per_channel("scale_values", settings.scale_values, channels),
        input_dtype=settings.input_dtype or "u8",
        intensity=settings.intensity or ("none",),
    )
    if any(value == 0 for value in found.scale_values):
        raise ModelError("scale_values contains 0; pixels are divided by it")
    if len(found.pad_value) not in (1, channels):
        many = len(found.pad_value)
        raise ModelError(f"pad_value has {many} values; the model's input has {channels} channels")
    return found


def embedded(pre: Preprocess, *, sized: bool) -> Preprocess:
    """For a graph that preprocesses by itself: plain BGR pixels, of its frame size if it has one.

    model_api names the size before embedding `orig_height`; it says nothing about the input now.
    """
    kind = "standard" if sized else "embedded"
    size = (pre.height, pre.width) if sized else (0, 0)
    return Preprocess(*size, channels=pre.channels, resize_type=kind)


def _per_channel(name: str, values: tuple[float, ...] | None, channels: int) -> tuple[float, ...]:
    if not values:
        return ()
    if len(values) == 1:
        return values * channels
    if len(values) != channels:
        raise ModelError(
            f"{name} has {len(values)} values; the model's input has {channels} channels"
        )
    return values


def geometry(pre: Preprocess, width: int, height: int) -> Geometry:
    """The steps for an image of this size.

    Rounding follows the reference of each family, since one pixel moves every value after it:
    torchvision's Resize truncates the long edge, its CenterCrop rounds half to even, timm's
    ResizeKeepRatio rounds, model_api rounds the fitted size.

    Args:
        pre: what an image goes through.
        width: of the image, pixels, at least 1.
        height: likewise.
    """
    whole = (0, 0, width, height)
    target = (pre.width, pre.height)
    box = pre.resize_to or (pre.height, pre.width)
    match pre.resize_type:
        case "crop":
            return Geometry(_cut_to_aspect(pre, width, height), target, (0, 0))
        case "centre_fraction":
            return Geometry(_cut_fraction(pre, box, width, height), target, (0, 0))
        case "fit_to_window" | "fit_to_window_letterbox":
            scale = min(pre.width / width, pre.height / height)
            size = (max(1, round(width * scale)), max(1, round(height * scale)))
            if pre.resize_type == "fit_to_window":
                return Geometry(whole, size, (0, 0))
            return Geometry(
                whole, size, (-((pre.width - size[0]) // 2), -((pre.height - size[1]) // 2))
            )
        case "shortest_edge":
            size = _shortest_edge(box, width, height)
            return Geometry(whole, size, _centre(pre, size))
        case "crop_only":
            return Geometry(whole, (width, height), _centre(pre, (width, height)))
        case "squash":
            size = (box[1], box[0])
            return Geometry(whole, size, _centre(pre, size))
        case "border":
            ratio = max(height / box[0], width / box[1])
            size = (max(1, round(width / ratio)), max(1, round(height / ratio)))
            return Geometry(whole, size, _centre(pre, size))
        case _:
            return Geometry(whole, target, (0, 0))


def _cut_to_aspect(pre: Preprocess, width: int, height: int) -> tuple[int, int, int, int]:
    """model_api's "crop": the largest centred piece that has the target's aspect ratio."""
    wanted = pre.width / pre.height
    if width > height * wanted:
        cut = max(1, int(height * wanted))
        return (width - cut) // 2, 0, cut, height
    cut = max(1, int(width / wanted))
    return 0, (height - cut) // 2, width, cut


def _cut_fraction(
    pre: Preprocess, box: tuple[int, int], width: int, height: int
) -> tuple[int, int, int, int]:
    """TensorFlow's `central_crop`: the same margin off either side, of `target / resize_to`."""
    left = int((width - width * pre.width / box[1]) / 2)
    top = int((height - height * pre.height / box[0]) / 2)
    return left, top, width - 2 * left, height - 2 * top


def _shortest_edge(box: tuple[int, int], width: int, height: int) -> tuple[int, int]:
    if box[0] == box[1]:  # torchvision and transformers: the long edge is truncated
        short = box[0]
        if width <= height:
            return short, max(1, int(short * height / width))
        return max(1, int(short * width / height)), short
    ratio = min(height / box[0], width / box[1])  # timm's ResizeKeepRatio
    return max(1, round(width / ratio)), max(1, round(height / ratio))


def _centre(pre: Preprocess, size: tuple[int, int]) -> tuple[int, int]:
    """Offset of a centred crop, (left, top); negative where a border must be added."""
    return _margin(pre, size[0] - pre.width), _margin(pre, size[1] - pre.height)


def _margin(pre: Preprocess, spare: int) -> int:
    """Half the spare pixels of an axis, as the reference rounds it.

    transformers: floor(spare / 2), which also puts the larger part of a border to the left.
    torchvision and timm: round(spare / 2), half to even; of a border the smaller part is left.
    """
    if pre.crop_rounding == "floor":
        return spare // 2
    return round(spare / 2) if spare >= 0 else -(-spare // 2)


def origins(pre: Preprocess, known: Mapping[str, str]) -> dict[str, str]:
    """Where every value came from, for `inspect`."""
    found = {}
    for key in pre.as_dict():
        default = "the model's input shape" if key in _FROM_SHAPE else SAMPLE_DEFAULT
        found[key] = known.get(key, default)
    return found


_FROM_SHAPE = frozenset({"height", "width", "channels"})
