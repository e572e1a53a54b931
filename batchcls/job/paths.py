"""Turns a path as a user writes it into one that can be opened. Pure but for the user's home."""

from pathlib import Path


def expanded(text: str) -> Path:
    """The path, with `~` for the user's home; as it stands where there is no such user or home.

    So does a shell: `~old.onnx` is a file's name unless somebody is called `old.onnx`.
    """
    path = Path(text)
    try:
        return path.expanduser()
    except RuntimeError:
        return path
