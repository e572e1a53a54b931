"""Reads a model file with OpenVINO, or says what is wrong with it."""

import json
from pathlib import Path

from batchcls.errors import ModelError
from batchcls.model.devices.core import reason, versions
from batchcls.model.files import onnx, onnx_ends, readable
from batchcls.model.metadata.metadata import ZIPMAP_LABELS
from batchcls.model.runtime import Core, Model


def read_model(core: Core, path: Path) -> Model:
    """Read a model of any format OpenVINO knows.

    Raises:
        ModelError: it cannot be read.
    """
    if not path.exists():
        raise ModelError(f"no such model: {path}")
    readable.check(path)
    try:
        model = core.read_model(str(path))
    except RuntimeError as error:
        model = _read_without_maps(core, path, error)
    if not model.inputs or not model.outputs:
        raise ModelError(
            f"OpenVINO finds no inputs and outputs in the model {path}; if it is a TensorFlow "
            "SavedModel, it may lack the signature that OpenVINO reads, serving_default"
        )
    return model


def _read_without_maps(core: Core, path: Path, error: RuntimeError) -> Model:
    """An ONNX model that ends in ZipMap, cut off before it."""
    cut = onnx_ends.without_maps(path) if path.suffix == ".onnx" else None
    if path.suffix == ".xml" and (version := readable.too_new(path)) is not None:
        raise ModelError(
            f"{path} is an OpenVINO IR of version {version}, and OpenVINO {versions()['openvino']} "
            "cannot read it; install a newer OpenVINO"
        ) from error
    if cut is None:
        raise ModelError(f"OpenVINO cannot read the model {path}: {reason(error)}") from error
    if onnx.tensors(path):
        raise ModelError(
            f"the model {path} ends in ZipMap, which OpenVINO does not read, and its weights are "
            "in other files; export it without (`zipmap=False` of skl2onnx)"
        ) from error
    try:
        model = core.read_model(cut.model, b"")
    except RuntimeError as other:
        raise ModelError(f"OpenVINO cannot read the model {path}: {reason(other)}") from other
    if cut.labels:
        model.set_rt_info(json.dumps(cut.labels), [ZIPMAP_LABELS])
    return model
