"""Owns the folder where a model is made, beside its place, until it is whole."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from batchcls.errors import UsageError


@contextmanager
def aside(out: Path) -> Iterator[Path]:
    """An empty folder, which is removed at the end; one that a killed process left is taken over.

    Raises:
        UsageError: another process is making the same model.
        OSError: there can be no folder.
    """
    folder = out.with_name(f".{out.name}.teaching")
    folder.mkdir(exist_ok=True)
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(f"another process is making {out}; wait for it to end") from None
        new = folder / "new"
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir()
        try:
            yield new
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(lock)
