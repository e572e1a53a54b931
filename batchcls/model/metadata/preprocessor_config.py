"""Reads `preprocessor_config.json`: what transformers' image processor does with a picture.

The processor's class decides what a missing key means, and some classes have steps of their own.
Everything here follows transformers 5.24, Pillow's back end (torchvision's where a class has no
other); jobs/parity compares the tensors.
"""

import math
from collections.abc import Mapping
from typing import Any

from batchcls.errors import ModelError
from batchcls.model.metadata import image_processors
from batchcls.model.preprocess.settings import Settings

FILE = "preprocessor_config.json"
NESTED_FILE = "processor_config.json"
"""Holds the same under "image_processor" where a model has several processors."""

RESAMPLE = {
    0: "pillow_nearest",
    1: "pillow_lanczos",
    2: "pillow_bilinear",
    3: "pillow_bicubic",
    4: "pillow_box",
    5: "pillow_hamming",
}
"""PIL.Image.Resampling's numbers."""

_NEVER_CROPS = frozenset({"Segformer", "ConvNext"})
"""ConvNext's crop is a part of its resize."""
_WARPS_FROM = 384
"""ConvNext stretches to squares of so many pixels and more."""

_ANY_SHAPE = (
    f"{FILE}: the processor leaves pictures in their own shape, the model gets them all in one: "
    "the middle of each is cut out"
)
_AS_THEY_ARE = (
    f"{FILE} says do_resize false: pictures of another size than the model's are stretched"
)


def settings(config: Mapping[str, Any], model_type: str = "", named: str = "") -> Settings:
    """What the file says, with its class's values for what it leaves out.

    Args:
        model_type: of `config.json`; names the class where the file does not.
        named: the class that `config.json` names.

    Raises:
        ModelError: steps that cannot be followed, or a value that makes no sense.
    """
    kind = str(config.get("image_processor_type") or config.get("feature_extractor_type") or named)
    family = image_processors.family(kind) or image_processors.BY_MODEL_TYPE.get(model_type, "")
    if family in image_processors.NOT_PICTURES:
        raise ModelError(f"{FILE}: the image processor {kind or family} is not supported")
    doubts = () if family in image_processors.FAMILIES else (_unknown(kind, model_type),)
    values = image_processors.filled(config, family)
    try:
        geometry, doubt = _geometry(values, family)
        mean, scale = _normalisation(values, family)
    except (TypeError, ValueError, KeyError, IndexError) as error:
        raise ModelError(f"{FILE} has an unexpected value: {error}") from error
    bgr = bool(values.get("do_flip_channel_order", False))
    if family == "PPLCNet":  # turned round after the normalisation
        bgr, mean, scale = True, mean[::-1], scale[::-1]
    return Settings(
        **geometry,
        crop_rounding="floor",
        pad_value=(0,),
        interpolation=_interpolation(values),
        reverse_input_channels=not bgr,
        mean_values=mean,
        scale_values=scale,
        doubts=(*doubts, *doubt),
    )


def _unknown(kind: str, model_type: str) -> str:
    if kind:
        what = f"the image processor {kind} is not known"
    elif model_type:
        what = f"it names no image processor, and the model_type {model_type!r} is not known"
    else:
        what = "it names no image processor, and there is no config.json with a model_type"
    return (
        f"{FILE}: {what}: what the file leaves out is taken as for ViTImageProcessor; "
        "compare some labels before you rely on them"
    )


def _geometry(config: Mapping[str, Any], family: str) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Settings of the sizes, and what is uncertain about them."""
    if not config["do_resize"]:
        if config["do_center_crop"]:
            height, width = _pair(config["crop_size"])
            return {"resize_type": "crop_only", "height": height, "width": width}, ()
        return {}, (_AS_THEY_ARE,)
    size = _size(config, family)
    if family == "Donut":
        return _thumbnail(config, size), ()
    crops = bool(config["do_center_crop"]) and family not in _NEVER_CROPS
    target = _pair(config["crop_size"]) if crops else None
    if family == "Perceiver":
        return _centre_square(size, target), ()
    if family == "PPLCNet":
        size = {"shortest_edge": config["resize_short"]}
    if family == "PoolFormer" and config["crop_pct"]:
        size = _enlarged(size, float(config["crop_pct"]))
    if "height" in size:
        box = int(size["height"]), int(size["width"])
        height, width = target or box
        kind = "standard" if target in (None, box) else "squash"
        return {"resize_type": kind, "resize_to": box, "height": height, "width": width}, ()
    return _by_shortest_edge(config, family, size, target)


def _by_shortest_edge(
    config: Mapping[str, Any], family: str, size: Mapping[str, Any], target: tuple[int, int] | None
) -> tuple[dict[str, Any], tuple[str, ...]]:
    edge = int(size["shortest_edge"])
    found: dict[str, Any] = {"resize_type": "shortest_edge"}
    if family == "ConvNext":
        if edge >= _WARPS_FROM:
            return {"resize_type": "standard", "height": edge, "width": edge}, ()
        target, edge = (edge, edge), int(edge / float(config["crop_pct"]))
    elif family == "Levit":
        edge = int(256 / 224 * edge)
    elif family in ("TextNet", "PPLCNet"):
        found["resize_multiple"] = int(config["size_divisor"])
        found["resize_rounding"] = "down" if family == "TextNet" else "nearest"
    elif "longest_edge" in size:
        found["resize_limit"] = int(size["longest_edge"])
    height, width = target or (edge, edge)
    found |= {"resize_to": (edge, edge), "height": height, "width": width}
    return found, () if target else (_ANY_SHAPE,)


def _thumbnail(config: Mapping[str, Any], size: Mapping[str, Any]) -> dict[str, Any]:
    for key, wanted in (("do_thumbnail", True), ("do_pad", True), ("do_align_long_axis", False)):
        if bool(config[key]) != wanted:
            raise ModelError(f"{FILE}: {key} {config[key]!r} is not supported")
    box = int(size["height"]), int(size["width"])
    return {"resize_type": "thumbnail", "resize_to": box, "height": box[0], "width": box[1]}


def _centre_square(size: Mapping[str, Any], target: tuple[int, int] | None) -> dict[str, Any]:
    """Perceiver's crop is the share size / crop_size of the shorter edge, before the resize."""
    box = int(size["height"]), int(size["width"])
    if target is None:
        return {"resize_type": "standard", "resize_to": box, "height": box[0], "width": box[1]}
    if target[0] < box[0] or target[1] < box[1]:
        raise ValueError(f"crop_size {target} below size {box}")
    return {
        "resize_type": "centre_square",
        "resize_to": target,
        "height": box[0],
        "width": box[1],
    }


def _enlarged(size: Mapping[str, Any], share: float) -> dict[str, Any]:
    """PoolFormer's sizes are those after its crop; a square one means the shortest edge."""
    if "shortest_edge" in size:
        return {"shortest_edge": int(int(size["shortest_edge"]) / share)}
    height, width = int(size["height"]), int(size["width"])
    if height == width:
        return {"shortest_edge": int(height / share)}
    return {"height": int(height / share), "width": int(width / share)}


def _size(config: Mapping[str, Any], family: str) -> Mapping[str, Any]:
    """`size` as an object: a number and a list mean what the class takes them for."""
    size = config["size"]
    if family == "CLIP" and config.get("use_square_size"):
        return {"height": 224, "width": 224}  # the class's own size, whatever the file's
    if isinstance(size, int):
        square = config["default_to_square"]
        return {"height": size, "width": size} if square else {"shortest_edge": size}
    if isinstance(size, list):
        height, width = size[::-1] if family == "Donut" else size
        return {"height": height, "width": width}
    if isinstance(size, Mapping) and ({"height", "width"} <= set(size) or "shortest_edge" in size):
        return size
    raise ValueError(f"size {size!r}")


def _pair(size: Any) -> tuple[int, int]:
    """(height, width) of {"height", "width"}, [h, w] or one number."""
    if isinstance(size, Mapping):
        return int(size["height"]), int(size["width"])
    if isinstance(size, list):
        return int(size[0]), int(size[1])
    return int(size), int(size)


def _interpolation(config: Mapping[str, Any]) -> str:
    number = config["resample"]
    if number not in RESAMPLE:
        raise ModelError(f"{FILE}: resample is {number!r}; expected a filter of Pillow, 0 to 5")
    return RESAMPLE[number]


def _normalisation(
    config: Mapping[str, Any], family: str
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and scale in pixel units of (pixel * factor - offset - mean) / std."""
    means, stds = [0.0] * 3, [1.0] * 3
    if config["do_normalize"] and family != "MobileViT":  # which has no such step
        means, stds = _channels(config["image_mean"]), _channels(config["image_std"])
    if family == "EfficientNet" and config["include_top"]:  # once more, without a mean
        stds = [a * b for a, b in zip(stds, _channels(config["image_std"]), strict=True)]
    factor = float(config["rescale_factor"]) if config["do_rescale"] else 1.0
    if config.get("rescale_offset"):
        means = [m + 1.0 for m in means]
    if not factor or not math.isfinite(factor):
        raise ValueError(f"rescale_factor {factor}")
    return (
        tuple(_tidy(m / factor) for m in means),
        tuple(_tidy(s / factor) for s in stds),
    )


def _channels(values: Any) -> list[float]:
    return [float(v) for v in (values if isinstance(values, list) else [values] * 3)]


def _tidy(value: float) -> float:
    """Without the noise of the division: 0.485 / (1 / 255) is 123.675, not 123.67499999999999."""
    return float(f"{value:.12g}")
