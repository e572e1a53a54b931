"""Owns the folder where an IR is made, beside its place, until it is whole, and its way there.

An IR is two files, and OpenVINO pairs them by name alone: an .xml beside the .bin of another model
loads, and answers wrongly. So at every moment there is the old model, the new one, or none.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from batchcls.errors import ModelError, UsageError
from batchcls.results.storage import PosixStorage, Storage, opened


@contextmanager
def aside(out: Path) -> Iterator[Path]:
    """An empty folder, which is removed at the end; one that a killed process left is taken over.

    Raises:
        UsageError: another process is making the same model.
        ModelError: there can be no folder.
    """
    folder = out.with_name(f".{out.name}.new")
    with _writing(out):
        folder.mkdir(exist_ok=True)
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        new = folder / "new"
        with _writing(out):
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UsageError(f"another process is making {out}; wait for it to end") from None
            shutil.rmtree(new, ignore_errors=True)
            new.mkdir()
        try:
            yield new
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(lock)


def put(written: Path, out: Path, storage: Storage | None = None) -> None:
    """Give a whole model its name, and its .bin too; what stood there goes first.

    Args:
        written: the .xml, in a folder of `aside`.
        out: its place.
        storage: the file system; None is this machine's.

    Raises:
        ModelError: the disk fails.
    """
    storage = storage or PosixStorage()
    weights = written.with_suffix(".bin")
    with _writing(out):
        for path in (weights, written):
            with opened(storage, path) as descriptor:
                storage.fsync(descriptor)
        # The .xml makes the model. Each step is on the disk before the next: a power loss keeps
        # names in any order.
        storage.unlink(out)
        storage.fsync_dir(out.parent)
        storage.rename(weights, out.with_suffix(".bin"))
        storage.fsync_dir(out.parent)
        storage.rename(written, out)
        storage.fsync_dir(out.parent)


@contextmanager
def _writing(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ModelError(f"cannot write {out}: {error.strerror or error}") from error
