"""The values that options with a fixed choice allow, and how options are spelled."""

from collections.abc import Mapping
from typing import Literal, get_args

Activation = Literal["softmax", "sigmoid", "none"]
Int8 = Literal["exact", "fast"]
Progress = Literal["auto", "rich", "bar", "plain", "json", "none"]
Hint = Literal["throughput", "latency", "cumulative_throughput", "none", "tput", "ctput"]
"""The last two are benchmark_app's short forms of the first and the third."""

FACTS = (
    "margin", "entropy", "width", "height", "sha256", "phash", "captured", "camera", "gps",
    "look",
)  # fmt: skip
"""What a record can say besides its classes, in the record's order."""

EMBEDDING = "embedding"
"""What ``--with`` can name besides `FACTS`: it stands in a file of its own."""

ResizeType = Literal[
    "standard",  # stretch
    "crop",  # centre crop to the target's aspect ratio, then resize
    "fit_to_window",  # keep the aspect ratio, pad right and bottom
    "fit_to_window_letterbox",  # keep the aspect ratio, pad all around
    "pad_to_square",  # add a border that makes it square, then resize (taggers)
    "shortest_edge",  # resize by the shortest edge, then centre crop (torchvision, timm, HF)
    "squash",  # stretch to resize_to, then centre crop
    "border",  # resize by the longest edge, then centre crop or pad
    "centre_fraction",  # centre crop of a fraction of both edges, then stretch (TF-Slim)
    "embedded",  # nothing: the model's own graph resizes
]
"""The first four are model_api's; model_info has no key for the others."""

Interpolation = Literal[
    # OpenCV's: no antialiasing, but for "area"
    "linear",
    "cubic",
    "nearest",
    "area",
    "lanczos",
    # Pillow's: antialiased, and what most torch models were trained with
    "pillow_bilinear",
    "pillow_bicubic",
    "pillow_lanczos",
    "pillow_box",
    "pillow_hamming",
    "pillow_nearest",
]
Decode = Literal["full", "reduced"]
Preset = Literal["torchvision", "timm", "tf", "caffe", "none"]
LogLevel = Literal["debug", "info", "warning", "error"]

RESIZE_TYPES: tuple[ResizeType, ...] = get_args(ResizeType)
INTERPOLATIONS: tuple[Interpolation, ...] = get_args(Interpolation)
ACTIVATIONS: tuple[Activation, ...] = get_args(Activation)

CHOICES: Mapping[str, tuple[str, ...]] = {
    "activation": ACTIVATIONS,
    "int8": get_args(Int8),
    "progress": get_args(Progress),
    "hint": get_args(Hint),
    "resize_type": RESIZE_TYPES,
    "interpolation": INTERPOLATIONS,
    "decode": get_args(Decode),
    "preprocess": get_args(Preset),
    "log_level": get_args(LogLevel),
}
"""Field of a `Job` → the values it allows; None and "" (decided elsewhere) always do."""

SHORT_KEYS: Mapping[str, str] = {"null_separated": "null", "with_facts": "with"}
"""Fields whose option and key in a job file are not called as they are."""


def key(field: str) -> str:
    """A field's key in a job file: ``batch_size`` is ``batch-size``."""
    return SHORT_KEYS.get(field, field.replace("_", "-"))


def option(field: str) -> str:
    """A field's long option: ``batch_size`` is ``--batch-size``."""
    return "--" + key(field)
