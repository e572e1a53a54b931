"""Reads what a model carries in itself: model_api's `model_info`, and batchcls's own root.

Lists are separated by blanks; a label's own blanks are written as underscores by the tools that
write them, and stay so. A boolean is true for YES and True only. `None` and the empty text mean
unset.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from batchcls.errors import ModelError
from batchcls.model.metadata import label_files, ultralytics
from batchcls.model.preprocess.settings import KEYS, Settings
from batchcls.model.runtime import Model

ROOT = "model_info"
OWN_ROOT = "batchcls"
"""For what no key of model_info can say; other readers ignore it."""

_LARGEST = {"u8": 255.0, "u16": 65535.0, "i16": 32767.0, "f32": 1.0}
_N = TypeVar("_N", int, float)
_INTERPOLATION = ("linear", "cubic", "nearest")


def read_info(model: Model, root: str) -> dict[str, str]:
    """The keys below a root of the model's rt_info, as text; ONNX metadata_props included."""
    found: dict[str, str] = {}
    for key, value in properties(model).items():
        head, _, rest = key.partition(" ")  # keys are the path joined by blanks
        if head == root and rest:
            found[rest] = value
    if model.has_rt_info([root]):
        found |= _children(model, root)
    return {key: value for key, value in found.items() if value not in ("", "None")}


def properties(model: Model) -> dict[str, str]:
    """An ONNX model's metadata_props, where OpenVINO's front end keeps them."""
    return _children(model, "framework") if model.has_rt_info(["framework"]) else {}


def is_ultralytics(model: Model) -> bool:
    """The model is an Ultralytics export, of whatever task."""
    return read_info(model, ROOT).get("model_type", "").lower() == ultralytics.MODEL_TYPE


def _children(model: Model, root: str) -> dict[str, str]:
    value = model.get_rt_info([root]).value
    if not isinstance(value, Mapping):
        return {}
    return {str(k): _text(v) for k, v in value.items() if not isinstance(v, Mapping)}


def _text(value: Any) -> str:
    value = getattr(value, "value", value)
    if isinstance(value, list | tuple):
        return " ".join(map(str, value))
    return str(value)


def settings(model: Model, beside: Path) -> Settings:
    """What `model_info` says; of an Ultralytics export the labels alone.

    Args:
        beside: the model's folder, for `path_to_labels`.

    Raises:
        ModelError: a hierarchical or non-classification model, or a value that makes no sense.
        LabelsError: the file of `path_to_labels` is missing or broken.
    """
    return from_keys(read_info(model, ROOT), beside)


def from_keys(info: Mapping[str, str], beside: Path) -> Settings:
    """`settings`, from the keys alone."""
    kind = info.get("model_type", "classification")
    if kind.lower() == ultralytics.MODEL_TYPE:
        return Settings(labels=_labels(info, beside))
    if kind.lower() != "classification":
        raise ModelError(f"rt_info {ROOT}/model_type is {kind!r}; expected a classification model")
    if _flag(info, "hierarchical"):
        raise ModelError(
            "hierarchical classification models are not supported; export the model with one flat "
            "list of classes"
        )
    return Settings(
        height=_number(info, "orig_height", int),
        width=_number(info, "orig_width", int),
        resize_type=info.get("resize_type"),
        interpolation=_interpolation(info),
        pad_value=_one(_number(info, "pad_value", int)),
        reverse_input_channels=_flag(info, "reverse_input_channels"),
        mean_values=_floats(info, "mean_values"),
        scale_values=_floats(info, "scale_values"),
        # Once its processing is embedded, a model's layout is another than this says.
        layout=None if _flag(info, "embedded_processing") else _layout(info.get("layout")),
        input_dtype=info.get("input_dtype"),
        embedded_processing=_flag(info, "embedded_processing"),
        intensity=_intensity(info),
        labels=_labels(info, beside),
        multilabel=_flag(info, "multilabel"),
        threshold=_number(info, "confidence_threshold", float),
        top=_top(_number(info, "topk", int)),
    )


def own_settings(model: Model) -> Settings:
    """What batchcls's own root says: JSON values under the names of `Settings`.

    Raises:
        ModelError: a value that is not JSON.
    """
    found: dict[str, Any] = {}
    known = set(KEYS)
    for key, text in read_info(model, OWN_ROOT).items():
        if key not in known:
            continue
        try:
            value = json.loads(text)
        except ValueError as error:
            raise ModelError(f"rt_info {OWN_ROOT}/{key} is not valid JSON: {error}") from error
        found[key] = tuple(value) if isinstance(value, list) else value
    return Settings(**found)


def backbone(model: Model) -> str:
    """Which features a model's last layer was taught on (`teach`); "" of any other model."""
    try:
        taught = json.loads(read_info(model, OWN_ROOT).get("taught", "{}"))
        return str(taught.get("backbone", ""))
    except (ValueError, AttributeError):
        return ""


def _flag(info: Mapping[str, str], key: str) -> bool | None:
    return None if key not in info else info[key].strip().lower() in ("yes", "true")


def _number(info: Mapping[str, str], key: str, kind: Callable[[str], _N]) -> _N | None:
    if key not in info:
        return None
    try:
        return kind(info[key])
    except ValueError as error:
        raise ModelError(f"rt_info {ROOT}/{key} is {info[key]!r}; expected a number") from error


def _top(value: int | None) -> int | None:
    """model_api's `save` writes its default, 1, into every model; that is nobody's wish."""
    return None if value is None or value <= 1 else value


def _one(value: int | None) -> tuple[int, ...] | None:
    return None if value is None else (value,)


def _floats(info: Mapping[str, str], key: str) -> tuple[float, ...] | None:
    """A list of numbers, separated by blanks (or commas, with or without brackets)."""
    if key not in info:
        return None
    try:
        return tuple(float(part) for part in info[key].strip("[]()").replace(",", " ").split())
    except ValueError as error:
        raise ModelError(f"rt_info {ROOT}/{key} is {info[key]!r}; expected numbers") from error


def _interpolation(info: Mapping[str, str]) -> str | None:
    text = info.get("interpolation_mode")
    if info.get("resize_type") == "crop":
        return "linear"  # model_api's crop resizes so whatever the mode says
    if text is None:
        return None
    if text.lower() not in _INTERPOLATION:
        known = ", ".join(_INTERPOLATION).upper()
        raise ModelError(f"rt_info {ROOT}/interpolation_mode is {text!r}; expected one of {known}")
    return text.lower()


def _layout(text: str | None) -> str | None:
    """The image input's part of "input0:NCHW,input1:NC"."""
    if text is None:
        return None
    layouts = [part.rpartition(":")[2].strip().upper() for part in text.split(",")]
    return next((layout for layout in layouts if set("CHW") <= set(layout)), None)


def _intensity(info: Mapping[str, str]) -> tuple[str | float, ...] | None:
    mode = info.get("intensity_mode")
    if mode is None:
        return None

    def value(name: str, default: float) -> float:
        found = _number(info, f"intensity_{name}", float)
        return default if found is None else found

    match mode.lower():
        case "none":
            return ("none",)
        case "scale_to_unit":
            largest = _LARGEST.get(info.get("input_dtype", "u8").lower(), 255.0)
            return ("scale_to_unit", value("max_value", largest))
        case "window":
            if not {"intensity_window_center", "intensity_window_width"} <= set(info):
                raise ModelError(
                    f"rt_info {ROOT}: intensity_mode window needs intensity_window_center and "
                    "intensity_window_width"
                )
            return ("window", value("window_center", 0.0), value("window_width", 0.0))
        case "percentile":
            return ("percentile", value("percentile_low", 1.0), value("percentile_high", 99.0))
        case "range_scale":
            scale, low = value("scale_factor", 1.0), value("min_value", 0.0)
            high = _number(info, "intensity_max_value", float)
            return ("range_scale", scale, low, *(() if high is None else (high,)))
    raise ModelError(
        f"rt_info {ROOT}/intensity_mode is {mode!r}; expected none, scale_to_unit, window, "
        "percentile or range_scale"
    )


def _labels(info: Mapping[str, str], beside: Path) -> tuple[str, ...] | None:
    if "path_to_labels" in info:
        path = Path(info["path_to_labels"])
        found = path if path.is_absolute() else beside / path
        if found.is_file() or "labels" not in info:
            return label_files.read(found)
    return tuple(info["labels"].split()) if "labels" in info else None
