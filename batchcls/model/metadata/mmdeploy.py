"""What MMDeploy writes beside an exported classifier: `pipeline.json`.

Steps as its SDK does them: csrc/mmdeploy/preprocess/transform (resize, center_crop, normalize).
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from batchcls.model.preprocess.settings import Settings

FILE = "pipeline.json"

_INTERPOLATION = {"bilinear": "linear", "bicubic": "cubic", "area": "area", "lanczos": "lanczos"}
_WITHOUT_EFFECT = frozenset(
    {"LoadImageFromFile", "ImageToTensor", "DefaultFormatBundle", "Collect"}
)
_ORDER = ("Resize", "CenterCrop", "Normalize")


def settings(values: Mapping[str, Any]) -> Settings:
    """What the file says; silent where it is somebody else's.

    Steps that are none of a classifier's are shown in a doubt, and none is followed.
    """
    steps = _steps(values)
    if not steps:
        return Settings()
    try:
        return _of([step for step in steps if step["type"] not in _WITHOUT_EFFECT])
    except (TypeError, ValueError, LookupError) as error:
        shown = json.dumps([step for step in steps if len(step) > 1])[:400]
        text = f"{FILE} of MMDeploy is not followed ({error}); give its steps as options: {shown}"
        return Settings(doubts=(text,))


def _steps(values: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    pipeline = values.get("pipeline")
    tasks = pipeline.get("tasks") if isinstance(pipeline, Mapping) else None
    for task in tasks if isinstance(tasks, list) else ():
        steps = task.get("transforms") if isinstance(task, Mapping) else None
        if isinstance(steps, list):
            return [step for step in steps if isinstance(step, Mapping) and "type" in step]
    return []


def _of(steps: Sequence[Mapping[str, Any]]) -> Settings:
    kinds = [str(step["type"]) for step in steps]
    if kinds != [kind for kind in _ORDER if kind in kinds]:
        unknown = next((kind for kind in kinds if kind not in _ORDER), "")
        raise ValueError(f"its step {unknown} is not known" if unknown else "its steps' order")
    named = dict(zip(kinds, steps, strict=True))
    found = _sizes(named.get("Resize"), named.get("CenterCrop"))
    if (numbers := named.get("Normalize")) is not None:
        mean, std = (tuple(map(float, numbers[key])) for key in ("mean", "std"))
        found |= {
            "mean_values": mean if any(mean) else (),
            "scale_values": std if set(std) != {1.0} else (),
            "reverse_input_channels": bool(numbers.get("to_rgb", True)),
        }
    return Settings(**found)


def _sizes(resize: Mapping[str, Any] | None, crop: Mapping[str, Any] | None) -> dict[str, Any]:
    """Of height, width and resize type what the two steps say."""
    found: dict[str, Any] = {}
    if crop is not None:
        edges = crop["crop_size"]
        height, width = (edges, edges) if isinstance(edges, int) else map(int, edges)
        found = {"height": height, "width": width, "crop_rounding": "up"}
    if resize is None:
        return found | ({"resize_type": "crop_only"} if crop else {})
    found["interpolation"] = _INTERPOLATION[str(resize.get("interpolation", "bilinear"))]
    across, down = _edges(resize["size"])
    if down == -1:
        if crop is None or across < max(height, width):
            raise ValueError("a picture of any shape, or one smaller than its crop")
        # With `keep_ratio`, the short edge follows from the long one, as that was rounded.
        exact = not resize.get("keep_ratio") or across == max(height, width)
        rounding = "down" if exact else "by_long_edge"
        return found | {
            "resize_type": "shortest_edge",
            "resize_to": (across, across),
            "resize_rounding": rounding,
        }
    if resize.get("keep_ratio"):
        raise ValueError("`keep_ratio` with two edges")
    if crop is not None:
        return found | {"resize_type": "squash", "resize_to": (down, across)}
    return found | {"resize_type": "standard", "height": down, "width": across}


def _edges(size: Any) -> tuple[int, int]:
    """(width, height); a height of -1 leaves it to the picture's shape."""
    if isinstance(size, int):
        return size, size
    across, down = map(int, size)
    return across, down
