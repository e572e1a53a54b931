"""Changes a model's ends: batch size, the numbers of its input tensor, one float32 output.

The input's numbers are its type, layout, mean and scale. Changes inside the graph have modules of
their own: `trimming`, `weights`, `input_rows`, `pool_parts`.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from batchcls.errors import ModelError
from batchcls.model.devices.core import reason
from batchcls.model.graph import input_quantisation
from batchcls.model.graph.ports import ImageInput
from batchcls.model.graph.scores import ScoreOutput
from batchcls.model.preprocess.preprocess import Preprocess
from batchcls.model.runtime import Model, PrePostProcessor, Type, openvino, opset13


def set_shape(
    model: Model, image: ImageInput, scores: ScoreOutput, height: int, width: int, batch: int
) -> None:
    """Give the model one static input shape; a height and width of 0 leave it open.

    Converted TFLite and older ONNX models end in a Reshape to a constant [1, classes] or [1, -1]:
    with the image dimension spelled out no other batch passes. Such targets get -1 for the batch.

    Raises:
        ModelError: the model does not work at that size or batch.
    """
    wanted = _shape(image, height, width, batch)
    if model.inputs[image.index].get_partial_shape() == wanted:
        return
    if batch > 1:
        if "N" not in image.layout:
            raise ModelError(
                f"batch size {batch}: the model's input ({image.layout}) has no batch dimension; "
                "use `--batch-size 1`"
            )
        _free_batch(model, image, height, width)
    try:
        model.reshape({image.index: wanted})
    except RuntimeError as error:
        raise _refusal(batch, f"{width}x{height} pixels", reason(error)) from error
    shape = model.outputs[scores.index].get_partial_shape()
    got = openvino.Dimension(1) if len(shape) == 1 and scores.classes > 1 else shape[0]
    if got.is_dynamic or got.get_length() != batch:
        raise ModelError(
            f"batch size {batch}: the model's graph has a fixed batch size of {got}; "
            "use `--batch-size 1`"
        )


def _shape(image: ImageInput, height: int, width: int, batch: int) -> Any:
    sizes = {"N": batch, "C": image.channels, "H": height or -1, "W": width or -1}
    return openvino.PartialShape([openvino.Dimension(sizes[letter]) for letter in image.layout])


def _refusal(batch: int, size: str, why: str) -> ModelError:
    if batch == 1:
        return ModelError(f"the model does not take images of {size}: {why}")
    return ModelError(
        f"batch size {batch}: the model does not take {batch} images of {size} at once; use "
        f"`--batch-size 1` ({why})"
    )


def _free_batch(model: Model, image: ImageInput, height: int, width: int) -> None:
    """Let any number of images through Reshapes whose constant target begins with one image."""
    try:
        # With one image, what the other sizes of a target are is known.
        model.reshape({image.index: _shape(image, height, width, 1)})
    except RuntimeError:
        return  # the graph is made for another number of images
    for op in model.get_ops():
        if op.get_type_name() != "Reshape":
            continue
        target, data = op.input_value(1).get_node(), op.input(0).get_partial_shape()
        if target.get_type_name() != "Constant" or data.rank.is_dynamic or data[0] != 1:
            continue
        made = op.get_output_partial_shape(0)
        if len(target.get_data().reshape(-1)) < 2 or made.is_dynamic or made[0] != 1:
            continue
        freed = opset13.constant(np.array([-1, *list(made.to_shape())[1:]], np.int64))
        op.input(1).replace_source_output(freed.output(0))


def connect(
    model: Model,
    image: ImageInput,
    scores: ScoreOutput,
    pre: Preprocess,
    features: Callable[[Model], Any] | None = None,
) -> Model:
    """Make the model take (N, H, W, C) pixels and give one (N, classes) float32 output.

    Args:
        model: of static shape.
        pre: what an image goes through; mean and scale go into the graph.
        features: finds a node of a copy of the model, (N, features) float32, that is given as a
            second output.

    Raises:
        ModelError: OpenVINO refuses the combination.
    """
    single = _only_scores(model.clone(), scores, features)
    steps = PrePostProcessor(single)
    port = steps.input(image.index)
    port.tensor().set_element_type(Type.f32 if pre.intensity[0] == "percentile" else Type.u8)
    port.tensor().set_layout(openvino.Layout("NHWC" if "N" in image.layout else "HWC"))
    port.model().set_layout(openvino.Layout(image.layout))
    wanted = single.inputs[image.index].get_element_type()
    numbers = bool(pre.mean_values or pre.scale_values or pre.intensity[0] != "none")
    quantisation = input_quantisation.find(single, image.index)
    if numbers and quantisation is None and not wanted.is_real():
        raise ModelError(
            f"the model's input is {image.element_type} and does not say what its numbers stand "
            "for; mean and scale values need that, or a floating-point input"
        )
    if numbers or (quantisation is not None and not quantisation.takes_pixels):
        _add_numbers(port.preprocess().convert_element_type(Type.f32), pre)
        if quantisation is not None:
            port.preprocess().custom(quantisation.quantised)
    elif wanted == Type.i8:
        # Signed quantised inputs are pixel - 128: TFLite's and ONNX's zero point for pixels.
        port.preprocess().convert_element_type(Type.f32).mean(128.0)
    try:
        return steps.build()
    except RuntimeError as error:
        raise ModelError(f"cannot put the preprocessing into the model: {reason(error)}") from error


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


def _only_scores(
    model: Model, scores: ScoreOutput, features: Callable[[Model], Any] | None
) -> Model:
    """The model with one output, (N, classes) float32; layers that only feed others fall away."""
    more = [] if features is None else [opset13.result(features(model))]
    source = model.outputs[scores.index].get_node().input_value(0)
    # Results that stay referenced confuse the CPU plugin: the old ones go before the new one.
    for result in model.get_results():
        model.remove_result(result)
    wanted = np.array([-1, scores.classes], np.int64)
    flat = opset13.reshape(opset13.convert(source, "f32"), wanted, special_zero=False)
    model.add_results([opset13.result(flat), *more])
    return model
