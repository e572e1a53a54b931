"""Refuses what carries a model's name and is none, before OpenVINO tries every format on it.

Its own words for them name no cause, and its TensorFlow reader complains on standard error.
"""

import re
from pathlib import Path

from batchcls.errors import ModelError
from batchcls.model.files import content, onnx

_IR = re.compile(rb'<net\b[^>]*\bversion="(\d+)"')
_TFLITE = b"TFL3"
_USUAL_IR = 11
_OLDEST_IR = 10
"""Read by OpenVINO 2024 and newer; earlier IRs were last read by 2022's."""


def check(path: Path) -> None:
    """Look at a model's first bytes, and whether the files that it needs are there.

    Args:
        path: the model's file, or a SavedModel's folder.

    Raises:
        ModelError: it is another kind of file, too old, empty, or lacks one of its files.
    """
    if path.is_dir():
        return
    try:
        with path.open("rb") as file:
            start = file.read(content.ENOUGH)
    except OSError as error:
        raise ModelError(f"cannot read the model {path}: {error.strerror}") from error
    if not start:
        raise ModelError(f"{path} is empty, not a model")
    if (what := content.foreign(start)) is not None:
        hint = "; unpack it and name the model in it" if what.endswith("archive") else ""
        raise ModelError(f"{path} is {what}, not a model{hint}")
    if path.suffix == ".xml":
        _check_ir(path, start)
    if path.suffix == ".tflite" and start[4:8] != _TFLITE:
        raise ModelError(f"{path} is not a TFLite model")
    if path.suffix == ".onnx":
        _check_onnx(path, start)
        for name in onnx.tensors(path):
            _check_weights(path, path.parent / name, name)


def too_new(path: Path) -> str | None:
    """The version of an IR that OpenVINO could not read, where that is the likely reason."""
    with path.open("rb") as file:
        found = _IR.search(file.read(content.ENOUGH))
    return found[1].decode() if found is not None and int(found[1]) > _USUAL_IR else None


def _check_onnx(path: Path, start: bytes) -> None:
    if onnx.has_graph(path):
        return
    if start.startswith(onnx.BEGINS):
        raise ModelError(f"{path} ends early: its ONNX graph is not all there; fetch it again")
    raise ModelError(f"{path} is not an ONNX model")


def _check_ir(path: Path, start: bytes) -> None:
    found = _IR.search(start)
    if b"<net" not in start:
        raise ModelError(f"{path} is not an OpenVINO IR: there is no <net> at its start")
    if found is not None and int(found[1]) < _OLDEST_IR:
        raise ModelError(
            f"{path} is an OpenVINO IR of version {int(found[1])}, which OpenVINO no longer reads; "
            "convert the original model again, or ask for its ONNX"
        )
    weights = path.with_suffix(".bin")
    _check_weights(path, weights, weights.name)


def _check_weights(path: Path, weights: Path, name: str) -> None:
    try:
        with weights.open("rb") as file:
            what = content.instead(file.read(content.ENOUGH))
    except FileNotFoundError as error:
        raise ModelError(f"model {path}: its weights {name} are missing") from error
    except OSError as error:
        raise ModelError(f"cannot read {weights}: {error.strerror}") from error
    if what is not None:
        raise ModelError(f"{weights} is {what}, not a model's weights")
