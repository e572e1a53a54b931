"""The model's graph: which input takes the image, which output gives scores, and small edits.

Batch size, numbers of the input tensor (type, layout, mean, scale), the single float32 output.
Changes of another kind have modules of their own: `trimming`, `weights`, `input_rows`,
`pool_parts`.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from batchcls.errors import ModelError
from batchcls.model.devices.core import reason
from batchcls.model.preprocess.preprocess import Preprocess
from batchcls.model.runtime import Model, PrePostProcessor, Type, openvino, opset13

SCORE_NAMES = ("raw_scores", "logits", "scores", "probabilities", "output")
"""Preferred among several outputs that look like class scores: model_api's and Hugging Face's."""
NO_SCORES = frozenset({"feature_vector", "saliency_map"})
"""What model_api and Geti put beside them."""


@dataclass(frozen=True, slots=True)
class ImageInput:
    """The input that takes images.

    Attributes:
        index: among the model's inputs.
        name: for people.
        layout: "NCHW", "NHWC", "CHW" or "HWC".
        height: pixels; None where the model leaves it open.
        width: see `height`.
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


@dataclass(frozen=True, slots=True)
class ScoreOutput:
    """The output that gives one score per class.

    Attributes:
        index: among the model's outputs.
        name: for people.
        classes: how many.
        element_type: OpenVINO's name.
    """

    index: int
    name: str
    classes: int
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
        model: as read.
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
        hint = f" under the layout {layout}" if layout else ""
        raise ModelError(
            f"the model has no image input{hint}: wanted is one input of 1 or 3 channels, height "
            f"and width; its inputs are: {shapes}. If the shape is ambiguous, give --layout"
        )
    what = "one image" if len(found) > 1 else "an image: export it with the other inputs fixed"
    raise ModelError(f"the model takes more than {what}; its inputs are: {shapes}")


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


def score_output(model: Model) -> ScoreOutput:
    """Find the output that gives one score per class: (N, classes), other sizes being 1.

    Raises:
        ModelError: there is none, or nothing tells which of several it is.
    """
    found = [
        candidate
        for index, port in enumerate(model.outputs)
        if (candidate := _as_scores(port, index)) is not None
    ]
    found = [one for one in found if one.classes > 1] or found
    found = next(([one] for name in SCORE_NAMES for one in found if one.name == name), found)
    if len(found) == 1:
        return found[0]
    shapes = ", ".join(f"{p['name']} {p['shape']}" for p in describe_ports(model.outputs))
    what = "no class scores" if not found else "several outputs that could be class scores"
    raise ModelError(
        f"the model has {what}: wanted is one output of shape [images, classes]; "
        f"its outputs are: {shapes}"
    )


def _as_scores(port: Any, index: int) -> ScoreOutput | None:
    shape = port.get_partial_shape()
    if shape.rank.is_dynamic or shape.rank.get_length() < 2 or port.get_names() & NO_SCORES:
        return None
    dims = [None if d.is_dynamic else d.get_length() for d in shape][1:]
    large = [d for d in dims if d != 1]
    if len(large) > 1 or None in large or (not large and len(dims) > 1):
        return None
    known = (name for name in SCORE_NAMES if name in port.get_names())
    name = next(known, name_of(port, f"#{index}"))
    classes = next(filter(None, large), 1)  # [images, 1]: one class, yes or no
    return ScoreOutput(index, name, classes, port.get_element_type().get_type_name())


def set_shape(model: Model, image: ImageInput, height: int, width: int, batch: int) -> None:
    """Give the model one static input shape; a height and width of 0 leave it open.

    Converted TFLite and older ONNX models end in a Reshape to a constant [1, classes]: with the
    image dimension spelled out no other batch passes. Such targets get -1 for the batch first.

    Raises:
        ModelError: the model does not work at that size or batch.
    """
    sizes = {"N": batch, "C": image.channels, "H": height or -1, "W": width or -1}
    wanted = openvino.PartialShape([openvino.Dimension(sizes[letter]) for letter in image.layout])
    if model.inputs[image.index].get_partial_shape() == wanted:
        return
    if batch > 1:
        if "N" not in image.layout:
            raise ModelError(f"batch size {batch}: the model's input {image.layout} has no batch")
        _free_batch(model)
    try:
        model.reshape({image.index: wanted})
    except RuntimeError as error:
        raise ModelError(
            f"the model does not take {batch} image(s) of {width}x{height}: {reason(error)}"
        ) from error
    got = model.outputs[score_output(model).index].get_partial_shape()[0]
    if got.is_dynamic or got.get_length() != batch:
        raise ModelError(
            f"batch size {batch}: the model's graph spells out its batch, the output is of {got}; "
            "use --batch-size 1"
        )


def _free_batch(model: Model) -> None:
    for op in model.get_ops():
        if op.get_type_name() != "Reshape":
            continue
        target, data = op.input_value(1).get_node(), op.input(0).get_partial_shape()
        if target.get_type_name() != "Constant" or data.rank.is_dynamic or data[0] != 1:
            continue
        sizes = [int(size) for size in target.get_data().reshape(-1)]
        if len(sizes) < 2 or sizes[0] != 1 or -1 in sizes:
            continue
        freed = opset13.constant(np.array([-1, *sizes[1:]], np.int64))
        op.input(1).replace_source_output(freed.output(0))


def connect(model: Model, image: ImageInput, scores: ScoreOutput, pre: Preprocess) -> Model:
    """Make the model take (N, H, W, C) pixels and give one (N, classes) float32 output.

    Args:
        model: of static shape.
        image: its image input.
        scores: its score output.
        pre: what an image goes through; mean and scale go into the graph.

    Raises:
        ModelError: OpenVINO refuses the combination.
    """
    single = _only_scores(model.clone(), scores)
    steps = PrePostProcessor(single)
    port = steps.input(image.index)
    port.tensor().set_element_type(Type.f32 if pre.intensity[0] == "percentile" else Type.u8)
    port.tensor().set_layout(openvino.Layout("NHWC" if "N" in image.layout else "HWC"))
    port.model().set_layout(openvino.Layout(image.layout))
    wanted = single.inputs[image.index].get_element_type()
    if pre.mean_values or pre.scale_values or pre.intensity[0] != "none":
        if not wanted.is_real():
            raise ModelError(
                f"the model's input is {image.element_type}: mean and scale values do not apply"
            )
        _add_numbers(port.preprocess().convert_element_type(Type.f32), pre)
    elif wanted == Type.i8:
        # Signed quantised inputs are pixel - 128: TFLite's and ONNX's zero point for pixels.
        port.preprocess().convert_element_type(Type.f32).mean(128.0)
    try:
        return steps.build()
    except RuntimeError as error:
        raise ModelError(f"cannot connect the image to the model: {reason(error)}") from error


def _add_numbers(steps: Any, pre: Preprocess) -> None:
    """Intensity mapping (model_api's modes), then mean, then scale."""
    match pre.intensity:
        case ("scale_to_unit", float(largest)):
            steps.scale(largest)
        case ("window", float(centre), float(width)):
            steps.custom(lambda x: _clipped(x, 1 / width, -(centre - width / 2) / width, 0.0, 1.0))
        case ("range_scale", float(factor), float(low), float(high)) if high != low:
            steps.custom(lambda x: _clipped(x, factor, 0.0, low, high))
            steps.mean(low).scale(high - low)
        case ("range_scale", float(factor), float(low), *rest):
            highest = float(rest[0]) if rest else float(np.finfo(np.float32).max)
            steps.custom(lambda x: _clipped(x, factor, 0.0, low, highest))
    if pre.mean_values:
        steps.mean(list(pre.mean_values))
    if pre.scale_values:
        steps.scale(list(pre.scale_values))


def _clipped(x: Any, factor: float, offset: float, low: float, high: float) -> Any:
    scaled = opset13.add(opset13.multiply(x, np.float32(factor)), np.float32(offset))
    return opset13.clamp(scaled, low, high).output(0)


def _only_scores(model: Model, scores: ScoreOutput) -> Model:
    """The model with one output, (N, classes) float32; layers that only feed others fall away."""
    source = model.outputs[scores.index].get_node().input_value(0)
    # Results that stay referenced confuse the CPU plugin: the old ones go before the new one.
    for result in model.get_results():
        model.remove_result(result)
    wanted = np.array([-1, scores.classes], np.int64)
    flat = opset13.reshape(opset13.convert(source, "f32"), wanted, special_zero=False)
    model.add_results([opset13.result(flat)])
    return model
