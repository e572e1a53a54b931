"""Which files a model consists of, and their hash: the part of a model known without OpenVINO."""

import hashlib
from dataclasses import replace
from pathlib import Path

from batchcls import hub
from batchcls.errors import ModelError
from batchcls.job import Job

BESIDE = ("config.json", "preprocessor_config.json", "metadata.yaml")
"""Files that may stand beside a model and say what its images go through."""

_BLOCK = 1 << 20


def localised(job: Job) -> Job:
    """The job with its model on this machine: one of the Hugging Face hub is fetched.

    Once, and in the process that the user started: what workers get is a local path.

    Raises:
        ModelError: it is not there, or cannot be fetched.
        SetupError: the library that fetches is not installed.
    """
    if job.model is None or not hub.is_reference(job.model):
        return job
    return replace(job, model=str(hub.fetch(job.model)))


def model_path(model: str | None) -> Path:
    """The model a job names, or the built-in one.

    Raises:
        ModelError: there is nothing at that path.
    """
    if model is None:
        from batchcls.builtin import path

        return path()
    if hub.is_reference(model):
        raise ModelError(
            f"{model}: a local model is wanted here; `batchcls export-model {model} model.xml` "
            "makes one"
        )
    found = Path(model).expanduser()
    if not found.exists():
        raise ModelError(f"no such model: {model}")
    return found


def model_files(path: Path) -> list[Path]:
    """Every file whose bytes can change a model's answers, in a fixed order."""
    if path.is_dir():
        return sorted(p for p in path.rglob("*") if p.is_file() and not p.name.startswith("."))
    weights = [path.with_suffix(".bin")] if path.suffix == ".xml" else []
    if path.suffix == ".onnx":  # external tensors stand beside it
        weights = sorted(path.parent.glob(path.stem + "*.data"))
    beside = [path.parent / name for name in BESIDE]
    return [path, *(p for p in (*weights, *beside) if p.is_file())]


def model_hash(path: Path) -> str:
    """SHA-256 over the names and bytes of a model's files.

    Raises:
        ModelError: a file cannot be read.
    """
    total = hashlib.sha256()
    base = path if path.is_dir() else path.parent
    for file in model_files(path):
        total.update(str(file.relative_to(base)).encode(errors="surrogateescape") + b"\0")
        total.update(file_hash(file))
    return total.hexdigest()


def file_hash(path: Path) -> bytes:
    """SHA-256 of a file.

    Raises:
        ModelError: it cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
    except OSError as error:
        raise ModelError(f"cannot read {path}: {error.strerror}") from error
    return digest.digest()
