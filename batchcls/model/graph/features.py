"""Finds the features that a model's last layer makes its scores of, and cuts the graph there.

The last layer is the last matrix product, or convolution, with weights of its own that has as many
results as there are classes: behind it come only a bias, a softmax, quantisers, changes of shape.
What it is given are the features. Where a quantiser stands before it (`batchcls quantize`, TFLite),
they are what goes into that: numbers that nothing has rounded to 256 steps.
"""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from batchcls.errors import ModelError, UsageError
from batchcls.model.graph.ending import PROBABILITIES, SHAPING
from batchcls.model.graph.scores import ScoreOutput
from batchcls.model.runtime import Model, Type, opset13

OUTPUT = "batchcls_features"
"""Name of the output that gives them."""

BEFORE_LAST = "the input of the last layer"
"""Stands for the name of a tensor that has none."""

_LAYERS = frozenset({"MatMul", "Convolution"})
_BEHIND = SHAPING | PROBABILITIES | {"Clamp", "Exp", "FakeQuantize", "Result", "Transpose"}
_ARITHMETIC = frozenset({"Add", "Subtract", "Multiply", "Divide", "Minimum", "Maximum"})
_FURTHEST = 64
_MADE_UP = re.compile(r"[A-Z][A-Za-z]*_[0-9]+")
"""A name that OpenVINO gives by counting: another one in another process."""


@dataclass(frozen=True, slots=True)
class Features:
    """What one image is to the model before its last layer.

    Attributes:
        name: of the tensor, for people, the manifest and `--features`.
        shape: of the tensor, for people: "[1,1280]".
        size: numbers for each image.
        source: the graph's own output port; of the model that was searched, of no copy of it.
    """

    name: str
    shape: str
    size: int
    source: Any

    def flat(self) -> Any:
        """A new node of the same graph: the features, (N, size) float32."""
        rows = np.array([-1, self.size], np.int64)
        return opset13.reshape(opset13.convert(self.source, "f32"), rows, special_zero=False)


def find(model: Model, scores: ScoreOutput, named: str | None = None) -> Features:
    """The features of a model.

    Args:
        scores: which of its outputs has the class scores, or features in their place.
        named: a tensor or an operation (`--features`) instead of the input of the last layer.

    Raises:
        ModelError: the graph does not end in a layer, or a layer of that many classes.
        UsageError: nothing in the graph is named so, or it is no row of numbers for each image.
    """
    if named is not None:
        return _named(model, named)
    if scores.features:
        port = model.outputs[scores.index]
        source = port.get_node().input_value(0)
        return Features(scores.name, str(port.get_partial_shape()), scores.classes, source)
    layer = _last_layer(model.outputs[scores.index].get_node())
    if layer is None or layer.get_output_partial_shape(0)[_axis(layer)] != scores.classes:
        raise ModelError(
            f"no features found: what gives the output {scores.name} does not end in a layer with "
            f"weights for {scores.classes} classes\nhint: `--features NAME` names the tensor to "
            "take"
        )
    source = _before_quantiser(layer.input_value(0))
    weights = layer.input_value(1).get_partial_shape().to_shape()
    if layer.get_type_name() == "Convolution":
        size = int(np.prod(weights[1:]))
    else:
        size = int(weights[-1 if layer.get_attributes()["transpose_b"] else -2])
    return Features(_name(source), str(source.get_partial_shape()), size, source)


def backbone(model: Model, scores: ScoreOutput, named: str | None = None) -> Model:
    """A copy of a model that ends at the features: one output, (N, size) float32.

    Raises:
        ModelError, UsageError: as `find`.
    """
    copy = model.clone()
    features = find(copy, scores, named)
    for result in copy.get_results():
        copy.remove_result(result)
    last = opset13.result(features.flat())
    last.output(0).get_tensor().set_names({OUTPUT})
    copy.add_results([last])
    return copy


def head(model: Model, scores: ScoreOutput, named: str | None = None) -> Model:
    """The other part of a model: features, (N, size) float32 for any N, in, and its scores out.

    Raises:
        ModelError: as `find`; or the scores are made of more than the features.
        UsageError: as `find`.
    """
    copy = model.clone()
    features = find(copy, scores, named)
    rows = opset13.parameter([-1, features.size], Type.f32, name=OUTPUT)
    rows.output(0).get_tensor().set_names({OUTPUT})
    source, targets = features.source, list(features.source.get_target_inputs())
    shape = source.get_partial_shape()
    inner = [dimension.get_length() if dimension.is_static else -1 for dimension in shape][1:]
    if -1 in inner:
        raise ModelError(f"the features {features.name} are of no fixed size: {shape}")
    shaped = opset13.reshape(rows, np.array([-1, *inner], np.int64), special_zero=False)
    typed = opset13.convert(shaped, source.get_element_type().get_type_name())
    for target in targets:
        target.replace_source_output(typed.output(0))
    end = copy.outputs[scores.index].get_node().input_value(0)
    try:
        cut = Model([opset13.result(end)], [rows], "head")
    except RuntimeError as error:
        raise ModelError(
            f"the scores are made of more than the features {features.name}: the model cannot be "
            "cut there"
        ) from error
    return cut


def _named(model: Model, named: str) -> Features:
    for op in model.get_ordered_ops():
        for port in op.outputs():
            if op.get_friendly_name() != named and named not in port.get_names():
                continue
            shape = port.get_partial_shape()
            sizes = None if shape.rank.is_dynamic else list(shape)[1:]
            if not sizes or any(size.is_dynamic for size in sizes) or _is_fixed(op):
                raise UsageError(
                    f"--features {named}: expected a tensor of one row of numbers for each image, "
                    f"found the shape {shape}"
                )
            size = int(np.prod([size.get_length() for size in sizes]))
            return Features(named, str(shape), size, port)
    raise UsageError(
        f"--features {named}: the model has no tensor and no operation of that name; without the "
        "option, the input of the last layer is taken"
    )


def _last_layer(node: Any) -> Any:
    """The layer behind which only bias, probabilities, quantisers and shapes come; else None."""
    for _ in range(_FURTHEST):
        kind = node.get_type_name()
        if kind in _LAYERS:
            turned = kind == "MatMul" and node.get_attributes()["transpose_a"]
            fixed = _is_fixed(node.input_value(1).get_node())
            return node if fixed and not turned else None
        if kind in _ARITHMETIC:
            first, second = (value.get_node() for value in node.input_values())
            other = second.get_type_name()
            if _is_fixed(second) or other in ("ReduceMax", "ReduceSum"):  # of a softmax, in parts
                node = first
            elif _is_fixed(first):
                node = second
            else:
                return None
        elif kind in _BEHIND and node.get_input_size():
            node = node.input_value(0).get_node()
        else:
            return None
    return None


def _axis(layer: Any) -> int:
    """Where the classes are in a layer's result."""
    return 1 if layer.get_type_name() == "Convolution" else -1


def _before_quantiser(port: Any) -> Any:
    """What a quantiser in front of a layer was given; the port itself where there is none."""
    found, at = port, port
    for _ in range(_FURTHEST):
        node = at.get_node()
        kind = node.get_type_name()
        scaled = kind in _ARITHMETIC and _is_fixed(node.input_value(1).get_node())
        if kind not in SHAPING and kind != "FakeQuantize" and not scaled:
            break
        at = node.input_value(0)
        if kind == "FakeQuantize":
            found = at
    return found


def _is_fixed(node: Any) -> bool:
    """It is made of constants alone: weights, quantised or not."""
    if not node.get_input_size():
        return bool(node.get_type_name() == "Constant")
    return all(_is_fixed(value.get_node()) for value in node.input_values())


def _name(port: Any) -> str:
    names = [name for name in port.get_names() if not name.isdigit()]
    name: str = min(names, default=port.get_node().get_friendly_name())
    return BEFORE_LAST if _MADE_UP.fullmatch(name) else name
