"""What Ultralytics writes into its exported models and beside them.

The same keys stand in `metadata.yaml` (OpenVINO, SavedModel, Paddle), in an ONNX file's
metadata_props, and in `metadata.json` inside a TFLite file. In an OpenVINO model's `model_info` it
writes `model_type` "YOLO" whatever the task, and labels with underscores for blanks: there the
file beside it has the word.
"""

import ast
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from batchcls.errors import LabelsError, ModelError
from batchcls.model.metadata import labels
from batchcls.model.metadata.yaml_files import shown
from batchcls.model.preprocess.settings import Settings

FILE = "metadata.yaml"
IN_TFLITE = "metadata.json"
MODEL_TYPE = "yolo"
"""Of `model_info`, in lower case."""

_TASK = "classify"
_OTHER_TASKS = frozenset({"detect", "segment", "semantic", "pose", "obb", "depth"})

NO_FILE = (
    f"the model is an Ultralytics export without its {FILE}: it is taken for a classifier, and "
    "labels may have underscores for blanks"
)


def is_ultralytics(values: Mapping[Any, Any]) -> bool:
    """Whether a mapping is of Ultralytics, and not of somebody else's file of the same name."""
    task = values.get("task")
    by_name = values.get("author") == "Ultralytics"
    return isinstance(task, str) and (by_name or task == _TASK or task in _OTHER_TASKS)


def settings(values: Mapping[Any, Any], where: str) -> Settings:
    """What the keys say; silent where they are somebody else's.

    Ultralytics's classification transforms: resize the shortest edge to `imgsz` with Pillow's
    bilinear, centre crop, RGB, divide by 255; a size that is not square is stretched to.

    Args:
        where: they stand, for messages.

    Raises:
        ModelError: the model is for another task, or its size makes no sense.
        LabelsError: names that are not one for each class.
    """
    if not is_ultralytics(values):
        return Settings()
    if values["task"] != _TASK:
        raise ModelError(
            f"{where}: the model's task is {shown(values['task'])}, not classification"
        )
    height, width = _size(values.get("imgsz", "224"), where)
    return _transforms(height, width, _labels(values.get("names"), where))


def without_file(size: tuple[int, int] | None, labels: tuple[str, ...] | None) -> Settings:
    """What an OpenVINO export means whose `metadata.yaml` is lost.

    Args:
        size: (height, width) of the model's static input; None where it is open.
        labels: of its `model_info`.
    """
    return replace(_transforms(*(size or (224, 224)), labels), doubts=(NO_FILE,))


def from_properties(properties: Mapping[str, str]) -> dict[str, Any]:
    """The keys that an ONNX file's metadata_props have as Python literals."""
    found: dict[str, Any] = dict(properties)
    for key in ("names", "imgsz"):
        try:
            found[key] = ast.literal_eval(properties[key])
        except (KeyError, ValueError, SyntaxError, MemoryError, RecursionError):
            continue
    return found


def from_json(data: bytes) -> dict[str, Any]:
    """The keys of `metadata.json`; empty where it is no JSON object."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _transforms(height: int, width: int, labels: tuple[str, ...] | None) -> Settings:
    square = height == width
    return Settings(
        height=height,
        width=width,
        resize_type="shortest_edge" if square else "standard",
        resize_to=(height, width) if square else None,
        interpolation="pillow_bilinear",
        reverse_input_channels=True,
        mean_values=(),
        scale_values=(255.0,),
        labels=labels,
    )


def _size(value: Any, where: str) -> tuple[int, int]:
    """(height, width) of `imgsz`: one number, or a list of them."""
    sizes = [value] if isinstance(value, str | int) else value
    try:
        return int(sizes[0]), int(sizes[-1])
    except (TypeError, ValueError, LookupError) as error:
        raise ModelError(f"{where}: imgsz is not a size: {shown(value)}") from error


def _labels(names: Any, where: str) -> tuple[str, ...] | None:
    if not names:
        return None
    inner = names.values() if isinstance(names, dict) else names
    if not all(isinstance(name, str) for name in inner):
        raise LabelsError(f"{where}: names holds something other than one name for each class")
    return labels.from_json(names, where)
