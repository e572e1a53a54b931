"""Decides what an image goes through on its way into the model: sizes, crop, order, numbers. Pure.

The steps for one image's size are `geometry`'s. Execution is elsewhere: `spatial` brings a decoded
image to the input's size and channel order, `graph.edits` puts mean, scale, type and layout into
the model.
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
        "centre_square",  # the middle square, or a share of it, stretched
        "crop_only",  # centre crop or pad without any resize
        "thumbnail",  # enlarged by the shortest edge, then reduced to fit, and padded
    ]
)
"""What a job may choose, and what only a model's files can say."""

RESIZE_TYPES: tuple[ResizeType, ...] = (
    *choices.RESIZE_TYPES,
    "centre_square",
    "crop_only",
    "thumbnail",
)

NEEDS_RESIZE_TO = frozenset({"shortest_edge", "squash", "border", "centre_square", "thumbnail"})
CROPPED = NEEDS_RESIZE_TO - {"thumbnail"} | {"centre_fraction"}
"""Those that keep a share of what they have resized, or resize a share."""

USUAL_CROP_PCT = 0.875
"""256 for 224: what nearly all ImageNet pipelines with a crop use, and timm's default."""

USUAL = "the usual value"
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
        crop_pct: share of both edges that "centre_fraction" cuts out; None for other types.
        crop_rounding: of half a pixel of a centre crop: "even" (torchvision, timm), "floor"
            (transformers) or "up" (MMDeploy).
        resize_rounding: of the long edge where "shortest_edge" gives the short one: "down", or
            "nearest" (Paddle); "by_long_edge": down, and the short edge from it (MMDeploy).
        resize_multiple: the edges of "shortest_edge" are rounded up to multiples of it, in pixels.
        resize_limit: longest edge of "shortest_edge", pixels; the short one gives way to it.
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
    crop_pct: float | None = None
    crop_rounding: str = "even"
    resize_rounding: str = "down"
    resize_multiple: int = 1
    resize_limit: int | None = None
    interpolation: str = "linear"
    pad_value: tuple[int, ...] = (0,)
    reverse_input_channels: bool = False
    mean_values: tuple[float, ...] = ()
    scale_values: tuple[float, ...] = ()
    input_dtype: str = "u8"
    intensity: tuple[str | float, ...] = ("none",)

    def as_dict(self) -> dict[str, Any]:
        """The same as JSON data, without the sizes that only few processors have."""
        found = {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}
        return {k: v for k, v in found.items() if k not in _SELDOM or v != _SELDOM[k]}


_SELDOM: Mapping[str, str | int | None] = {
    "crop_pct": None,
    "resize_rounding": "down",
    "resize_multiple": 1,
    "resize_limit": None,
}
"""Their usual values."""


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
    share, resize_to = settings.crop_pct or USUAL_CROP_PCT, settings.resize_to
    if kind == "centre_fraction" and settings.crop_pct is None and resize_to is not None:
        share = height / resize_to[0]  # what older versions wrote into an exported model
    if kind not in NEEDS_RESIZE_TO:
        resize_to = None
    elif resize_to is None:
        resize_to = (math.floor(height / share), math.floor(width / share))
    found = Preprocess(
        height=height,
        width=width,
        channels=channels,
        resize_type=kind,
        resize_to=resize_to,
        crop_pct=share if kind == "centre_fraction" else None,
        crop_rounding=settings.crop_rounding or "even",
        resize_rounding=settings.resize_rounding or "down",
        resize_multiple=settings.resize_multiple or 1,
        resize_limit=settings.resize_limit,
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
    if len(set(values)) == 1 and len(values) in (1, 3):
        return values[:1] * channels
    if len(values) != channels:
        raise ModelError(
            f"{name} has {len(values)} values; the model's input has {channels} channels"
        )
    return values


def origins(pre: Preprocess, known: Mapping[str, str]) -> dict[str, str]:
    """Where every value came from, for `inspect`."""
    known = {"resize_to": known.get("crop_pct", USUAL), **known}
    if pre.resize_to is None:
        known["resize_to"] = ""
    return {key: known.get(key, _FALLBACKS.get(key, USUAL)) for key in pre.as_dict()}


_FALLBACKS = {
    **dict.fromkeys(("height", "width", "channels"), "the model's input shape"),
    **dict.fromkeys(
        (
            "resize_type",
            "interpolation",
            "reverse_input_channels",
            "mean_values",
            "scale_values",
        ),
        SAMPLE_DEFAULT,
    ),
}
"""Where values come from that nothing says; all others are `USUAL`."""
