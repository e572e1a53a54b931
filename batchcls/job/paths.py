"""Turns a path as a user writes it into one that can be opened. Pure but for the user's home."""

from pathlib import Path

from batchcls.errors import UsageError


def expanded(text: str) -> Path:
    """The path, with `~` for the user's home; as it stands where there is no such user or home.

    So does a shell: `~old.onnx` is a file's name unless somebody is called `old.onnx`.
    """
    path = Path(text)
    try:
        return path.expanduser()
    except RuntimeError:
        return path


def absolute(path: str | Path) -> Path:
    """A path in full; the current directory's where it is empty.

    Raises:
        UsageError: it is relative to a directory that has been removed.
    """
    try:
        return Path(path).absolute()
    except FileNotFoundError:
        raise UsageError(
            "the current directory was removed; change to one that exists (`cd`) and try again"
        ) from None
