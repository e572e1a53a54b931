"""What is known about a model, piece by piece, and which source of knowledge wins. Pure.

Every source (command line, rt_info, files beside the model, conventions) gives a `Settings`, where
None means "says nothing". `merge` takes each key from the first source that says something, and
remembers which one that was.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Settings:
    """One source's view of what an image goes through and what the scores mean.

    Attributes:
        height: of the model's input, pixels, where its shape leaves it open.
        width: likewise.
        resize_type: one of `batchcls.model.preprocess.preprocess.RESIZE_TYPES`.
        resize_to: (height, width) before the crop, for those types that have one.
        crop_pct: the target's share of `resize_to`, where that follows from the target's size; for
            "centre_fraction" the share of the image.
        crop_rounding: "even", "floor" or "up": of half a pixel of a centre crop.
        resize_rounding: "down", "nearest" or "by_long_edge": of the long edge where the short one
            is given.
        resize_multiple: edges of the resized picture are rounded up to multiples of it, in pixels.
        resize_limit: longest edge of the resized picture, pixels.
        interpolation: one of `batchcls.job.choices.INTERPOLATIONS`.
        pad_value: of added borders, per channel in the model's order.
        reverse_input_channels: the model wants RGB.
        mean_values: subtracted per channel, model's order, pixel units.
        scale_values: divisors per channel, after the mean.
        input_dtype: u8, u16, i16 or f32: what the input tensor was declared as.
        embedded_processing: resize, order and normalisation are in the graph already.
        intensity: how pixel values are mapped before mean and scale: (mode, parameters…).
        guessed: channel order and numbers were a guess when the model was made from another.
        score_output: name of the output that gives the class scores.
        multilabel: classes are independent of each other (sigmoid).
        activation: softmax, sigmoid or none.
        threshold: multi-label classes below it are left out.
        top: classes per image, as the model's authors show them.
        doubts: what of this is uncertain, a sentence each, for people.
    """

    height: int | None = None
    width: int | None = None
    resize_type: str | None = None
    resize_to: tuple[int, int] | None = None
    crop_pct: float | None = None
    crop_rounding: str | None = None
    resize_rounding: str | None = None
    resize_multiple: int | None = None
    resize_limit: int | None = None
    interpolation: str | None = None
    pad_value: tuple[int, ...] | None = None
    reverse_input_channels: bool | None = None
    mean_values: tuple[float, ...] | None = None
    scale_values: tuple[float, ...] | None = None
    layout: str | None = None
    input_dtype: str | None = None
    embedded_processing: bool | None = None
    intensity: tuple[str | float, ...] | None = None
    guessed: bool | None = None
    labels: tuple[str, ...] | None = None
    score_output: str | None = None
    multilabel: bool | None = None
    activation: str | None = None
    threshold: float | None = None
    top: int | None = None
    doubts: tuple[str, ...] = ()

    @property
    def silent(self) -> bool:
        """It says nothing at all."""
        return all(getattr(self, name) is None for name in KEYS)


KEYS = tuple(field.name for field in fields(Settings) if field.name != "doubts")
_OF_RESIZE_TYPE = frozenset(
    {
        "resize_to",
        "crop_pct",
        "crop_rounding",
        "resize_rounding",
        "resize_multiple",
        "resize_limit",
    }
)


def merge(sources: Sequence[tuple[str, Settings]]) -> tuple[Settings, dict[str, str]]:
    """The first word on every key, and who had it.

    A resize type brings its own sizes: a later source's belong to another type. So does the share
    of a crop. The doubts of every source that is heard at all are gathered.

    Args:
        sources: (origin, settings), most trusted first.

    Returns:
        The settings, and key → origin for the keys that any source knew.
    """
    merged = Settings()
    origins: dict[str, str] = {}
    for origin, settings in sources:
        news: dict[str, Any] = {}
        for key in KEYS:
            value = getattr(settings, key)
            if value is None or getattr(merged, key) is not None:
                continue
            if key in _OF_RESIZE_TYPE and merged.resize_type is not None:
                continue
            if key == "resize_to" and merged.crop_pct is not None:
                continue
            news[key] = value
            origins[key] = origin
        heard = settings.doubts if news or settings.silent else ()
        merged = replace(merged, **news, doubts=(*merged.doubts, *heard))
    return merged, origins
