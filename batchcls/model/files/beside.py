"""Which files beside a model say what its images go through, and in which folders they may be.

Known without OpenVINO: the coordinator hashes these files, the hub's are fetched by their names.
"""

from pathlib import Path

NAMES = (
    "config.json",
    "preprocessor_config.json",
    "processor_config.json",
    "metadata.yaml",
)

INSIDE = frozenset({"onnx", "openvino"})
"""Folders of a hub repository that hold a model, while its settings lie above."""


def folders(model: Path) -> tuple[Path, ...]:
    """Where the files may be, nearest first: the model's own folder, and one or two above it.

    Above it they are where the folder is a part of something: a hub repository's `onnx`, or a
    model server's `NAME/1`.

    Args:
        model: the model's file, or a SavedModel's folder.
    """
    own = model if model.is_dir() else model.parent
    found = [own]
    while (name := found[-1].absolute().name) in INSIDE or name.isdecimal():
        found.append(found[-1].absolute().parent)
    return tuple(found)


def find(model: Path, name: str) -> Path | None:
    """The nearest file of this name."""
    return next((at for folder in folders(model) if (at := folder / name).is_file()), None)


def files(model: Path) -> list[Path]:
    """All of them that are there, in a fixed order."""
    return [path for name in NAMES if (path := find(model, name)) is not None]
