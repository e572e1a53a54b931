"""Which files beside a model say what its images go through, and in which folders they may be.

Known without OpenVINO: the coordinator hashes these files, the hub's are fetched by their names.
"""

from pathlib import Path

NAMES = (
    "config.json",
    "preprocessor_config.json",
    "processor_config.json",
    "metadata.yaml",
    "signature.json",
    "inference.yml",
    "inference.yaml",
    "pipeline.json",
    "labels.txt",
    "labels.csv",
    "labels.json",
    "classes.txt",
    "classes.json",
    "class_names.txt",
    "class_names.json",
    "class_indices.json",
    "class_to_idx.json",
    "selected_tags.csv",
    "label_map.pbtxt",
)
LABELS = NAMES[NAMES.index("labels.txt") :]
"""Class names alone: used where nothing else names the classes, and where they are as many."""

INSIDE = ("openvino", "onnx")
"""Folders of a hub repository that hold a model, while its settings lie above: best first."""

SAVED = "model.savedmodel"
"""What Triton and Teachable Machine call a SavedModel's folder inside the model's own."""


def folders(model: Path) -> tuple[Path, ...]:
    """Where the files may be, nearest first: the model's own folder, and one or two above it.

    Above it they are where the folder is a part of something: a hub repository's `onnx`, or a
    model server's `NAME/1`.

    Args:
        model: the model's file, or a SavedModel's folder.
    """
    own = model if model.is_dir() else model.parent
    found = [own]
    while (name := found[-1].absolute().name) in (*INSIDE, SAVED) or _is_version(name):
        found.append(found[-1].absolute().parent)
    return tuple(found)


def repository(folder: Path) -> list[str]:
    """The files of a hub repository that was downloaded to a folder; none where it is no such one.

    Returns:
        Names as the hub has them: "config.json", "onnx/model.onnx".
    """
    if not any((folder / name).is_dir() for name in INSIDE):
        return []
    places = [folder, *(folder / name for name in INSIDE)]
    return sorted(
        file.relative_to(folder).as_posix()
        for place in places
        if place.is_dir()
        for file in place.iterdir()
        if file.is_file()
    )


def inside(folder: Path) -> list[Path]:
    """Where a folder's model is if not in itself, likeliest first.

    A model server's folder has it in the newest of its numbered ones (TensorFlow Serving, Triton,
    OpenVINO's model server).
    """
    names = [entry.name for entry in folder.iterdir() if entry.is_dir()]
    versions = sorted(filter(_is_version, names), key=int, reverse=True)
    newest = [folder / name for name in versions[:1]]
    found = [folder / name for name in (*INSIDE, SAVED) if name in names]
    return [*found, *newest, *(place / SAVED for place in newest)]


def _is_version(name: str) -> bool:
    return name.isascii() and name.isdecimal() and len(name) < 20


def find(model: Path, name: str) -> Path | None:
    """The nearest file of this name."""
    return next((at for folder in folders(model) if (at := folder / name).is_file()), None)


def files(model: Path) -> list[Path]:
    """All of them that are there, in a fixed order."""
    return [path for name in NAMES if (path := find(model, name)) is not None]
