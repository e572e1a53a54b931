"""Finds a model's image input, and describes its ports."""

from dataclasses import dataclass
from typing import Any

from batchcls.errors import ModelError
from batchcls.model.runtime import Model


@dataclass(frozen=True, slots=True)
class ImageInput:
    """The input that takes images.

    Attributes:
        index: among the model's inputs.
        layout: "NCHW", "NHWC", "CHW" or "HWC".
        height: pixels; None where the model leaves it open.
        width: likewise.
        channels: 1 or 3.
        element_type: OpenVINO's name ("f32", "u8").
    """

    index: int
    name: str
    layout: str
    height: int | None
    width: int | None
    channels: int
    element_type: str


def name_of(port: Any, fallback: str) -> str:
    """A port's name, for people."""
    return min(port.get_names(), default=fallback)


def describe_ports(ports: Any) -> list[dict[str, Any]]:
    """Inputs or outputs as JSON data: name, shape, type."""
    return [
        {
            "name": name_of(port, f"#{index}"),
            "shape": str(port.get_partial_shape()),
            "type": port.get_element_type().get_type_name(),
        }
        for index, port in enumerate(ports)
    ]


def image_input(model: Model, layout: str | None) -> ImageInput:
    """Find the input that takes the image.

    Args:
        layout: from the command line or metadata; None = from the graph and the shape.

    Raises:
        ModelError: the model has no image input, or several inputs.
    """
    found = [
        candidate
        for index, port in enumerate(model.inputs)
        if (candidate := _as_image(port, index, layout)) is not None
    ]
    if len(found) == 1 and len(model.inputs) == 1:
        return found[0]
    shapes = ", ".join(f"{p['name']} {p['shape']}" for p in describe_ports(model.inputs))
    if not found:
        where = f" in the layout {layout}" if layout else ""
        raise ModelError(
            f"the model has no image input{where}; expected one input of 1 or 3 channels, height "
            f"and width, found: {shapes}\nhint: if the shape is ambiguous, name its `--layout`"
        )
    if len(found) > 1:
        raise ModelError(f"the model takes several images at once, expected one: {shapes}")
    raise ModelError(
        f"the model has other inputs beside the image: {shapes}; export it with those fixed"
    )


def _as_image(port: Any, index: int, layout: str | None) -> ImageInput | None:
    shape = port.get_partial_shape()
    if shape.rank.is_dynamic or shape.rank.get_length() not in (3, 4):
        return None
    dims = [None if d.is_dynamic else d.get_length() for d in shape]
    name = (layout or "").upper() or _declared(port) or _guess_layout(dims)
    if name is None or len(name) != len(dims) or not set("CHW") <= set(name):
        return None
    channels = dims[name.index("C")]
    if channels is None:
        channels = 3
    if channels not in (1, 3):
        return None
    return ImageInput(
        index=index,
        name=name_of(port, f"#{index}"),
        layout=name,
        height=dims[name.index("H")],
        width=dims[name.index("W")],
        channels=channels,
        element_type=port.get_element_type().get_type_name(),
    )


def _declared(port: Any) -> str | None:
    """The layout that the graph itself declares on its parameter, "[N,C,H,W]" → "NCHW"."""
    text: str = port.get_node().layout.to_string().strip("[]").replace(",", "").upper()
    return text if set("CHW") <= set(text) and "?" not in text and "." not in text else None


def _guess_layout(dims: list[int | None]) -> str | None:
    batch, rest = ("N", dims[1:]) if len(dims) == 4 else ("", dims)
    if rest[0] in (1, 3) and rest[2] not in (1, 3):
        return batch + "CHW"
    if rest[2] in (1, 3) and rest[0] not in (1, 3):
        return batch + "HWC"
    if rest == [None, None, None] or rest[0] in (1, 3):
        return batch + "CHW"  # exported from torch, with every size left open
    return None
