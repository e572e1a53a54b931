"""What Lobe writes beside an exported model: `signature.json`. Steps: lobe-python's image_utils."""

from collections.abc import Mapping
from typing import Any

from batchcls.model.preprocess.settings import Settings

FILE = "signature.json"


def settings(values: Mapping[str, Any]) -> Settings:
    """What the file says; silent where it is somebody else's.

    Resize until the picture fills the input (Pillow's bicubic, both edges rounded), cut out the
    middle, RGB, divide by 255.
    """
    classes = values.get("classes")
    names = classes.get("Label") if isinstance(classes, Mapping) else None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return Settings()
    inputs = values.get("inputs")
    image = inputs.get("Image") if isinstance(inputs, Mapping) else None
    shape = image.get("shape") if isinstance(image, Mapping) else None
    square: dict[str, Any] = {}
    if isinstance(shape, list) and len(shape) == 4 and isinstance(edge := shape[1], int):
        square = {"height": edge, "width": edge, "resize_to": (edge, edge)}
    return Settings(
        **square,
        resize_type="shortest_edge",
        crop_pct=1.0,
        crop_rounding="floor",
        resize_rounding="nearest",
        interpolation="pillow_bicubic",
        reverse_input_channels=True,
        mean_values=(),
        scale_values=(255.0,),
        labels=tuple(name.strip() for name in names),
    )
