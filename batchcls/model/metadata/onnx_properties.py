"""Reads what ONNX's own metadata_props can say of images, as Custom Vision and Windows ML do. Pure.

Source: ONNX's MetadataProps.md. Names and values are compared without case, as onnxmltools does.
"""

from collections.abc import Mapping

from batchcls.model.preprocess.settings import Settings

_ORDER = {"rgb8": True, "rgba8": True, "bgr8": False, "bgra8": False}
_NUMBERS = {
    "nominalrange_0_255": ((), ()),
    "normalized_0_1": ((), (255.0,)),
    "normalized_1_1": ((127.5,), (127.5,)),
}


def settings(properties: Mapping[str, str]) -> Settings:
    """What they say; nothing where both the order and the range are missing."""
    found = {key.lower(): value.lower() for key, value in properties.items()}
    order = found.get("image.bitmappixelformat", "")
    range_ = found.get("image.nominalpixelrange", "")
    if order not in _ORDER and range_ not in _NUMBERS:
        return Settings()
    mean, scale = _NUMBERS.get(range_, (None, None))
    return Settings(
        # As Custom Vision's own program, which comes with each export.
        resize_type="standard",
        interpolation="pillow_bicubic",
        reverse_input_channels=_ORDER.get(order),
        mean_values=mean,
        scale_values=scale,
    )
