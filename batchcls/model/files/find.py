"""Which files a model consists of, and their hash: the part of a model known without OpenVINO."""

import contextlib
import os
import re
from pathlib import Path

from batchcls.errors import ModelError
from batchcls.job.paths import expanded
from batchcls.model.files import beside, hub, onnx

SAVED_MODEL = "saved_model.pb"
"""Makes its folder a TensorFlow SavedModel."""

_IN_FOLDERS = (
    "openvino_model.xml",
    "*.xml",
    "*.onnx",
    "*.tflite",
    "*.pdmodel",
    "*.pb",
    "*.pbtxt",
    "*.meta",
)
"""Names by which a folder's one model is found, the first that any file has."""

_UNREAD = {
    ".keras": "export it with `keras.Model.export(DIR)` as a SavedModel",
    ".h5": "load it with Keras and export it with `keras.Model.export(DIR)` as a SavedModel",
    ".pt": "export it to ONNX, with torch.onnx.export or its library's own exporter",
    ".pth": "export it to ONNX, with torch.onnx.export or its library's own exporter",
    ".safetensors": "convert it with `optimum-cli export openvino`",
    ".json": "if it is a Paddle model, save it as .pdmodel, with FLAGS_enable_pir_api=0 in the "
    "environment, or convert it with paddle2onnx",
}
"""Formats that OpenVINO does not read → what to do, which its own errors do not say."""

_WITH_WEIGHTS = {".bin": ".xml", ".pdiparams": ".pdmodel"}
"""A file of weights → the model beside it: people name either."""

_LABELS_IN_IR = re.compile(rb'<path_to_labels value="([^"]+)"')
_BLOCK = 1 << 20


def model_path(model: str | None) -> Path:
    """The model a job names, or the built-in one.

    Raises:
        ModelError: there is nothing at that path.
    """
    if model is None:
        from batchcls.model.builtin import path

        return path()
    if hub.is_reference(model):
        raise ModelError(
            f"{model}: expected a local model; `batchcls export-model {model} model.xml` writes one"
        )
    found = expanded(model)
    if not found.exists():
        raise ModelError(
            f"no such model: {model}\n"
            "hint: name a file or folder, imagenet, or hf://ORG/NAME of the Hugging Face hub"
        )
    return found


def model_file(path: Path) -> Path:
    """The model that a path means: the file itself, the one in a folder, or a SavedModel's folder.

    Raises:
        ModelError: a folder with no model or several, or a format that OpenVINO does not read.
    """
    if path.is_dir():
        return _in_folder(path)
    if path.name == SAVED_MODEL:
        return path.parent
    if (whole := _WITH_WEIGHTS.get(path.suffix)) and path.with_suffix(whole).is_file():
        return path.with_suffix(whole)
    _check_format(path)
    return path


def _in_folder(folder: Path) -> Path:
    if chosen := hub.choose(beside.repository(folder)):
        return folder / chosen[0]
    for place in (folder, *beside.inside(folder)):
        if (found := _directly_in(place)) is not None:
            return found
    for weights in folder.glob("*.pdiparams"):
        _check_format(weights.with_suffix(".json"))
    for suffix in (".keras", ".h5", ".safetensors", ".pt", ".pth"):
        for file in folder.glob("*" + suffix):
            _check_format(file)
    raise ModelError(
        f"{folder} holds no model; looked for {', '.join(_IN_FOLDERS)}, {SAVED_MODEL}, here and in "
        "openvino, onnx and 1"
    )


def _directly_in(folder: Path) -> Path | None:
    """The one model in a folder, not below it; None where there is none."""
    if (folder / SAVED_MODEL).is_file():
        return folder
    for pattern in _IN_FOLDERS:
        found = sorted(file for file in folder.glob(pattern) if not _describes(file))
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(file.name for file in found[:5])
            raise ModelError(f"{folder} holds several models ({names}); name one of them")
    return None


def _describes(file: Path) -> bool:
    """A text of Protocol Buffers that is about a model: Triton's settings, a map of labels."""
    return file.suffix == ".pbtxt" and (file.stem == "config" or "label" in file.stem.lower())


def _check_format(path: Path) -> None:
    if (way := _UNREAD.get(path.suffix.lower())) is not None and path.is_file():
        raise ModelError(f"{path}: OpenVINO does not read {path.suffix} files; {way}")


def model_files(path: Path) -> list[Path]:
    """Every file whose bytes can change a model's answers, in a fixed order.

    Args:
        path: of `model_file`.
    """
    found = [*_parts(path), *beside.files(path)]
    return [p for p in dict.fromkeys(found) if p.is_file()]


def _parts(path: Path) -> list[Path]:
    """The model's own files, whether they are there or not."""
    if path.is_dir():
        inside = [p for part in ("variables", "assets") for p in (path / part).rglob("*")]
        return [path / SAVED_MODEL, *sorted(inside)]
    match path.suffix:
        case ".xml":
            return [path, path.with_suffix(".bin"), *_labels_in_ir(path)]
        case ".onnx":
            return [path, *(path.parent / name for name in onnx.needed(path))]
        case ".pdmodel":
            return [path, path.with_suffix(".pdiparams")]
        case ".meta":  # a TensorFlow 1 checkpoint
            weights = sorted(path.parent.glob(path.stem + ".data-*"))
            return [path, path.with_suffix(".index"), *weights]
    return [path]


def _labels_in_ir(path: Path) -> list[Path]:
    try:
        named = _LABELS_IN_IR.findall(path.read_bytes())
    except OSError as error:
        raise ModelError(f"cannot read {path}: {error.strerror}") from error
    return [path.parent / os.fsdecode(name) for name in named]


def model_state(path: Path) -> list[list[str | int]]:
    """Name, size, time of change and inode of each of a model's files: what a later look compares.

    Args:
        path: of `model_file`.
    """
    found: list[list[str | int]] = []
    for file in model_files(path):
        with contextlib.suppress(OSError):  # gone since; its line is missed
            status = file.stat()
            name = os.fsencode(file).hex()
            found.append([name, status.st_size, status.st_mtime_ns, status.st_ino])
    return found


def model_hash(path: Path) -> str:
    """SHA-256 over the names and bytes of a model's files.

    Raises:
        ModelError: there is no model, or a file of it cannot be read.
    """
    import hashlib  # and with it OpenSSL: 4 ms that workers need not wait for

    total = hashlib.sha256()
    path = model_file(path)
    base = path if path.is_dir() else path.parent
    for file in model_files(path):
        total.update(os.fsencode(os.path.relpath(file, base)) + b"\0")
        total.update(file_hash(file))
    return total.hexdigest()


def file_hash(path: Path) -> bytes:
    """SHA-256 of a file.

    Raises:
        ModelError: it cannot be read.
    """
    import hashlib

    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
    except OSError as error:
        raise ModelError(f"cannot read {path}: {error.strerror}") from error
    return digest.digest()
