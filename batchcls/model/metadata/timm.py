"""What timm writes beside a model: `pretrained_cfg` and `label_names` in `config.json`.

Source of the steps: timm's transforms for evaluation (timm/data/transforms_factory.py).
"""

from collections.abc import Mapping
from typing import Any

from batchcls.errors import ModelError
from batchcls.model.preprocess.preprocess import USUAL_CROP_PCT
from batchcls.model.preprocess.settings import Settings

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
IMAGENET_MEAN_255 = (123.675, 116.28, 103.53)
IMAGENET_STD_255 = (58.395, 57.12, 57.375)

_INTERPOLATION = {
    "bilinear": "pillow_bilinear",
    "bicubic": "pillow_bicubic",
    "nearest": "pillow_nearest",
    "lanczos": "pillow_lanczos",
    "box": "pillow_box",
    "hamming": "pillow_hamming",
}
_RESIZE_TYPE = {"center": "shortest_edge", "squash": "squash", "border": "border"}


def settings(config: Mapping[str, Any], input_size: tuple[int, int] | None) -> Settings:
    """What `config.json` says of a timm model.

    Args:
        config: the whole file; silent without `pretrained_cfg`.
        input_size: (height, width) of the model's static input, None if it is open. It chooses
            between the settings of training and those for testing at a larger size.

    Raises:
        ModelError: a value that makes no sense.
    """
    cfg = config.get("pretrained_cfg")
    labels = _labels(config)
    if not isinstance(cfg, Mapping):
        return Settings(labels=labels)
    try:
        return _settings({**config, **cfg}, labels or _labels(cfg), input_size)
    except (TypeError, ValueError, IndexError) as error:
        raise ModelError(f"timm's pretrained_cfg has an unexpected value: {error}") from error


def _labels(cfg: Mapping[str, Any]) -> tuple[str, ...] | None:
    names = cfg.get("label_names")
    return tuple(map(str, names)) if isinstance(names, list) else None


def _settings(
    cfg: Mapping[str, Any], labels: tuple[str, ...] | None, input_size: tuple[int, int] | None
) -> Settings:
    height, width = _size(cfg.get("input_size") or (3, 224, 224))
    share = float(cfg.get("crop_pct") or USUAL_CROP_PCT)
    test_size = _size(cfg["test_input_size"]) if cfg.get("test_input_size") else None
    if test_size is not None and input_size == test_size != (height, width):
        height, width = test_size
        share = float(cfg.get("test_crop_pct") or share)
    mode = str(cfg.get("crop_mode") or "center")
    interpolation = str(cfg.get("interpolation") or "bicubic")
    if mode not in _RESIZE_TYPE or interpolation not in _INTERPOLATION:
        raise ValueError(f"crop_mode {mode!r}, interpolation {interpolation!r}")
    mean = tuple(float(m) for m in cfg.get("mean") or IMAGENET_MEAN)
    std = tuple(float(s) for s in cfg.get("std") or IMAGENET_STD)
    return Settings(
        height=height,
        width=width,
        resize_type=_RESIZE_TYPE[mode],
        crop_pct=share,
        crop_rounding="even",
        interpolation=_INTERPOLATION[interpolation],
        pad_value=tuple(round(255 * m) for m in mean) if mode == "border" else (0,),
        reverse_input_channels=True,
        mean_values=tuple(round(m * 255, 9) for m in mean),
        scale_values=tuple(round(s * 255, 9) for s in std),
        labels=labels,
    )


def _size(value: Any) -> tuple[int, int]:
    """(height, width) of timm's (channels, height, width)."""
    return int(value[-2]), int(value[-1])
