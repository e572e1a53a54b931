"""What PaddleClas and PaddleX write beside an exported model: `inference.yml`.

Steps: PaddleClas' deploy/python/preprocess.py. OpenCV resizes there unless the file says `pil`.
"""

from collections.abc import Mapping
from typing import Any

from batchcls.model.metadata.timm import IMAGENET_MEAN, IMAGENET_STD
from batchcls.model.preprocess.settings import Settings

FILES = ("inference.yml", "inference.yaml")

_INTERPOLATION = {"bilinear": "linear", "bicubic": "cubic", "area": "area", "lanczos": "lanczos"}
_UNDERSTOOD = frozenset(
    {"DecodeImage", "ResizeImage", "CropImage", "NormalizeImage", "ToCHWImage", "KeepKeys"}
)


def settings(values: Mapping[Any, Any], where: str) -> Settings:
    """What the file says; silent where it is somebody else's.

    Args:
        values: the file, all of its values as text.
        where: it is, for people.
    """
    steps = _steps(values)
    if not steps:
        return Settings()
    labels = _labels(values)
    try:
        if unknown := [name for name in steps if name not in _UNDERSTOOD]:
            raise ValueError(f"its step {unknown[0]} is not known")
        return _of(steps, labels)
    except (TypeError, ValueError, LookupError, AttributeError) as error:
        return Settings(labels=labels, doubts=(f"{where}: only its labels are used: {error}",))


def _steps(values: Mapping[Any, Any]) -> dict[str, Mapping[str, Any]]:
    process = values.get("PreProcess")
    steps = process.get("transform_ops") if isinstance(process, Mapping) else None
    found: dict[str, Mapping[str, Any]] = {}
    for step in steps if isinstance(steps, list) else ():
        if isinstance(step, Mapping):
            found |= {str(k): v if isinstance(v, Mapping) else {} for k, v in step.items()}
    return found


def _labels(values: Mapping[Any, Any]) -> tuple[str, ...] | None:
    process = values.get("PostProcess")
    best = process.get("Topk") if isinstance(process, Mapping) else None
    names = best.get("label_list") if isinstance(best, Mapping) else None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return None
    return tuple(names)


def _of(steps: Mapping[str, Mapping[str, Any]], labels: tuple[str, ...] | None) -> Settings:
    resize, numbers = steps.get("ResizeImage", {}), steps.get("NormalizeImage", {})
    sizes = _sizes(resize, steps.get("CropImage", {}))
    mean = _numbers(numbers.get("mean"), IMAGENET_MEAN)
    std = _numbers(numbers.get("std"), IMAGENET_STD)
    factor = _fraction(str(numbers.get("scale") or "0.00392156862745098"))
    decode = str(steps.get("DecodeImage", {}).get("to_rgb", "true")).lower()
    return Settings(
        **sizes,
        crop_rounding="floor",
        resize_rounding="nearest",
        interpolation=_interpolation(resize),
        reverse_input_channels=decode != "false",
        mean_values=tuple(round(m / factor, 6) for m in mean),
        scale_values=tuple(round(s / factor, 6) for s in std),
        labels=labels,
    )


def _sizes(resize: Mapping[str, Any], crop: Mapping[str, Any]) -> dict[str, Any]:
    """(width, height) in `size`, as its code takes it."""
    target = _pair(crop["size"]) if "size" in crop else None
    if "resize_short" in resize:
        edge = int(resize["resize_short"])
        height, width = target or (edge, edge)
        found: dict[str, Any] = {"resize_type": "shortest_edge", "resize_to": (edge, edge)}
    else:
        box = _pair(resize["size"])
        height, width = target or box
        same = target in (None, box)
        found = {"resize_type": "standard" if same else "squash", "resize_to": box}
    return found | {"height": height, "width": width}


def _pair(size: Any) -> tuple[int, int]:
    """(height, width)."""
    return (int(size[1]), int(size[0])) if isinstance(size, list) else (int(size), int(size))


def _interpolation(resize: Mapping[str, Any]) -> str:
    name = str(resize.get("interpolation") or "bilinear").lower()
    if str(resize.get("backend") or "cv2").lower() == "pil":
        return f"pillow_{name}"
    return _INTERPOLATION[name]


def _numbers(value: Any, default: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(float(one) for one in value) if isinstance(value, list) else default


def _fraction(text: str) -> float:
    """Read "0.0039" and "1.0/255.0"."""
    above, _, below = text.partition("/")
    return float(above) / float(below or 1)
