"""Identity models: what enters comes out, flattened, with metadata of any family attached."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import openvino as ov
from onnx import TensorProto, helper
from openvino import opset13 as opset

from jobs.parity.cases import Tensor


def write_ir(
    folder: Path,
    size: tuple[int, int],
    layout: str = "NCHW",
    *,
    model_info: Mapping[str, Any] | None = None,
    own: Mapping[str, Any] | None = None,
) -> Path:
    """An identity as IR, of a static input (height, width).

    Args:
        folder: gets openvino_model.xml and .bin.
        size: (height, width).
        layout: NCHW or NHWC; the output is in the same order.
        model_info: keys of model_api's root, as text or lists.
        own: keys of batchcls's root, as JSON values.
    """
    shape = _shape(size, layout)
    image = opset.parameter(shape, np.float32, name="pixel_values")
    image.output(0).set_names({"pixel_values"})
    flat = opset.reshape(image, np.array([1, -1], np.int64), special_zero=False)
    flat.output(0).set_names({"logits"})
    model = ov.Model([opset.result(flat)], [image], "identity")
    for key, value in (model_info or {}).items():
        model.set_rt_info(value, ["model_info", key])
    for key, value in (own or {}).items():
        model.set_rt_info(json.dumps(value), ["batchcls", key])
    path = folder / "openvino_model.xml"
    ov.save_model(model, path, compress_to_fp16=False)
    return path


def write_onnx(
    folder: Path, size: tuple[int, int], layout: str = "NCHW", *, info: Mapping[str, str]
) -> Path:
    """An identity as ONNX; `info` are its metadata_props."""
    shape = _shape(size, layout)
    count = int(np.prod(shape))
    graph = helper.make_graph(
        [helper.make_node("Reshape", ["image", "target"], ["logits"])],
        "identity",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, count])],
        [helper.make_tensor("target", TensorProto.INT64, [2], [1, count])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    helper.set_model_props(model, dict(info))
    path = folder / "model.onnx"
    onnx.save(model, str(path))
    return path


def unflatten(scores: Tensor, size: tuple[int, int], layout: str) -> Tensor:
    """An identity's scores as (height, width, 3)."""
    tensor = scores.reshape(_shape(size, layout)[1:])
    return tensor.transpose(1, 2, 0) if layout == "NCHW" else tensor


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """A JSON file."""
    path.write_text(json.dumps(value, indent=1) + "\n")


def _shape(size: tuple[int, int], layout: str) -> list[int]:
    return [1, 3, *size] if layout == "NCHW" else [1, *size, 3]
