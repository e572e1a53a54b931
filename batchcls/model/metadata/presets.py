"""Named guesses for models without metadata, for `--preprocess`. Pure."""

from collections.abc import Mapping
from dataclasses import replace

from batchcls.model.metadata.timm import IMAGENET_MEAN_255, IMAGENET_STD_255
from batchcls.model.preprocess.settings import Settings

_TORCHVISION = Settings(
    resize_type="shortest_edge",
    crop_pct=0.875,
    interpolation="pillow_bilinear",
    reverse_input_channels=True,
    mean_values=IMAGENET_MEAN_255,
    scale_values=IMAGENET_STD_255,
)
PRESETS: Mapping[str, Settings] = {
    "torchvision": _TORCHVISION,
    "timm": replace(_TORCHVISION, interpolation="pillow_bicubic"),
    "tf": Settings(
        resize_type="centre_fraction",
        crop_pct=0.875,
        interpolation="linear",
        reverse_input_channels=True,
        mean_values=(127.5, 127.5, 127.5),
        scale_values=(127.5, 127.5, 127.5),
    ),
    "caffe": Settings(
        resize_type="squash",
        crop_pct=0.875,
        interpolation="linear",
        reverse_input_channels=False,
        mean_values=(104.0, 117.0, 123.0),
        scale_values=(),
    ),
    "none": Settings(
        resize_type="standard",
        interpolation="linear",
        reverse_input_channels=False,
        mean_values=(),
        scale_values=(),
    ),
}
"""One for each of `batchcls.job.choices.Preset`.

Mean and scale count only where the model's input is floating point: quantised inputs carry their
normalisation in their quantisation."""


def for_gray(settings: Settings) -> Settings:
    """The same for a model of one channel: of mean and scale the average, and no channel order.

    The usual numbers of gray models on ImageNet, 0.449 and 0.226, are averages too.
    """
    return replace(
        settings,
        reverse_input_channels=None,
        mean_values=_average(settings.mean_values),
        scale_values=_average(settings.scale_values),
    )


def _average(values: tuple[float, ...] | None) -> tuple[float, ...] | None:
    return (sum(values) / len(values),) if values else values
