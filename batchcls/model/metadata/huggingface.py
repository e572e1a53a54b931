"""Hugging Face's files beside a model: `preprocessor_config.json` and `config.json`.

The image processor's class decides what a missing key means; every value below that is not in the
file is that class's default in transformers. Optimum-intel writes the same files beside its IR.
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from batchcls.errors import LabelsError, ModelError
from batchcls.model.metadata import huggingface_defaults, labels
from batchcls.model.preprocess.settings import Settings

PREPROCESSOR = "preprocessor_config.json"
CONFIG = "config.json"

RESAMPLE = {
    0: "pillow_nearest",
    1: "pillow_lanczos",
    2: "pillow_bilinear",
    3: "pillow_bicubic",
    4: "pillow_box",
    5: "pillow_hamming",
}
"""PIL.Image.Resampling's numbers."""

_SQUARE = frozenset({"ViT", "DeiT", "Beit", "EfficientNet", "Siglip2", "Pvt"})
"""Where a plain number as size means a square, not the shortest edge."""

_UNSUPPORTED = frozenset({"Perceiver"})


def read_json(path: Path) -> dict[str, Any] | None:
    """A JSON object in a file; None where there is no such file.

    Raises:
        ModelError: the file is there and is no JSON object.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ModelError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise ModelError(f"{path} is not valid JSON: {error}") from error
    if not isinstance(value, dict):
        raise ModelError(f"{path} is not a JSON object")
    return value


def preprocessor(config: Mapping[str, Any]) -> Settings:
    """What `preprocessor_config.json` says.

    Raises:
        ModelError: an image processor that cannot be reproduced, or a value that makes no sense.
    """
    kind = str(config.get("image_processor_type") or config.get("feature_extractor_type") or "")
    family = kind.removesuffix("Fast").removesuffix("ImageProcessor")
    family = family.removesuffix("FeatureExtractor")
    if family in _UNSUPPORTED:
        raise ModelError(f"{PREPROCESSOR}: the image processor {kind} is not supported")
    config = huggingface_defaults.filled(config, family)
    try:
        geometry = _geometry(config, family)
        mean, scale = _normalisation(config, family)
    except (TypeError, ValueError, KeyError) as error:
        raise ModelError(f"{PREPROCESSOR} has an unexpected value: {error}") from error
    flips = bool(config.get("do_flip_channel_order", False))
    return Settings(
        **geometry,
        crop_rounding="floor",
        pad_value=(0,),
        interpolation=_interpolation(config),
        reverse_input_channels=not flips,
        mean_values=mean,
        scale_values=scale,
    )


def config(values: Mapping[str, Any]) -> Settings:
    """What `config.json` says: labels, and whether classes exclude each other.

    Raises:
        ModelError: a model for another problem.
    """
    problem = values.get("problem_type")
    if problem == "regression":
        raise ModelError(f"{CONFIG}: the model is for regression, not classification")
    names = values.get("id2label")
    found = None
    if isinstance(names, Mapping) and names:
        try:
            found = labels.from_json(dict(names), CONFIG)
        except LabelsError:
            found = None
        if found and all(name == f"LABEL_{index}" for index, name in enumerate(found)):
            found = None  # transformers' placeholder for a model without names
    size = values.get("image_size")
    square = size if isinstance(size, int) else None
    multilabel = problem == "multi_label_classification" or (found is not None and len(found) == 1)
    return Settings(height=square, width=square, labels=found, multilabel=multilabel or None)


def _geometry(config: Mapping[str, Any], family: str) -> dict[str, Any]:
    size = config.get("size")
    crops = bool(config.get("do_center_crop", False)) and family != "ConvNext"
    target = _pair(config.get("crop_size")) if crops else None
    if not config.get("do_resize", True) or size is None:
        if target is not None:
            return {"resize_type": "crop_only", "height": target[0], "width": target[1]}
        return {}
    edge = size if isinstance(size, int) else size.get("shortest_edge")
    if isinstance(size, int) and family in _SQUARE:
        edge = None
    if edge is None:
        box = _pair(size)
        height, width = target or box
        kind = "standard" if target in (None, box) else "squash"
        return {"resize_type": kind, "resize_to": box, "height": height, "width": width}
    return _by_shortest_edge(config, family, int(edge), target)


def _by_shortest_edge(
    config: Mapping[str, Any], family: str, edge: int, target: tuple[int, int] | None
) -> dict[str, Any]:
    if family == "ConvNext":
        # Below 384 pixels: resize to edge / crop_pct and crop; from there on: stretch.
        if edge >= 384:
            return {"resize_type": "standard", "height": edge, "width": edge}
        share = float(config.get("crop_pct") or 224 / 256)
        target, edge = (edge, edge), int(edge / share)
    elif family == "Levit":
        edge = int(256 / 224 * edge)
    elif family == "PoolFormer" and config.get("crop_pct"):
        edge = int(edge / float(config["crop_pct"]))
    height, width = target or (edge, edge)
    return {
        "resize_type": "shortest_edge",
        "resize_to": (edge, edge),
        "height": height,
        "width": width,
    }


def _pair(size: Any) -> tuple[int, int]:
    """(height, width) of {"height", "width"}, [h, w] or one number."""
    if isinstance(size, Mapping):
        return int(size["height"]), int(size["width"])
    if isinstance(size, list):
        return int(size[0]), int(size[-1])
    return int(size), int(size)


def _interpolation(config: Mapping[str, Any]) -> str:
    number = config["resample"]
    if number not in RESAMPLE:
        raise ModelError(
            f"{PREPROCESSOR}: resample is {number!r}; expected a filter of Pillow, 0 to 5"
        )
    return RESAMPLE[number]


def _normalisation(
    config: Mapping[str, Any], family: str
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and scale in pixel units of (pixel * factor - offset - mean) / std."""
    mean = std = None
    if config.get("do_normalize", True):
        mean, std = config["image_mean"], config["image_std"]
    means = [0.0] * 3 if mean is None else [float(m) for m in _channels(mean)]
    stds = [1.0] * 3 if std is None else [float(s) for s in _channels(std)]
    if family == "EfficientNet" and config.get("include_top", True):
        stds = [s * s for s in stds]  # its processor divides once more for the classifier's sake
    factor = float(config.get("rescale_factor", 1 / 255)) if config.get("do_rescale", True) else 1.0
    if config.get("rescale_offset", False):
        means = [m + 1.0 for m in means]
    if not factor or not math.isfinite(factor):
        raise ValueError(f"rescale_factor {factor}")
    return (
        tuple(_tidy(m / factor) for m in means),
        tuple(_tidy(s / factor) for s in stds),
    )


def _channels(values: Any) -> list[Any]:
    return list(values) if isinstance(values, list | tuple) else [values] * 3


def _tidy(value: float) -> float:
    """Without the noise of the division: 0.485 / (1 / 255) is 123.675, not 123.67499999999999."""
    return float(f"{value:.12g}")
