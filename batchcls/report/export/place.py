"""Owns how an export appears: it is written aside, synced, and gets its name when it is whole."""

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from batchcls.errors import UsageError
from batchcls.job.paths import absolute, expanded
from batchcls.results.disk_errors import guard
from batchcls.results.storage import PosixStorage
from batchcls.sources.directory import sync_directory


def free(out: str) -> Path:
    """Where an export goes.

    Raises:
        UsageError: something is there, or the folder for it is not.
    """
    path = absolute(expanded(out.rstrip("/") or out))
    if not (out and path.name):
        raise UsageError(f"{out or '-o'} is no name for an export")
    if os.path.lexists(path):
        with contextlib.suppress(OSError):
            _aside(path).rmdir()  # empty: left by an export that was killed as it named OUT
        raise UsageError(f"{out} exists; choose another name, or move it away first")
    if not path.parent.is_dir():
        raise UsageError(f"{out}: there is no folder {path.parent}; make it first")
    return path


@contextlib.contextmanager
def appearing(path: Path) -> Iterator[Path]:
    """A name for the block to write a file or a folder to; what it wrote then becomes `path`.

    It is in a folder beside `path`, which is removed at the end, or by the next export to `path`
    where this process is killed. Nothing is ever written over.

    Raises:
        UsageError: `path` has come to exist, or another process is writing to it.
        StoppedError: the disk is full or fails.
    """
    aside = _aside(path)
    with guard(path):
        lock = _locked(aside, path)
        try:
            _empty(aside)
            yield aside / path.name
            _sync(aside / path.name)
            _name(aside / path.name, path)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
            os.close(lock)


def _aside(path: Path) -> Path:
    return path.with_name(f".{path.name}.exporting")


def _locked(aside: Path, path: Path) -> int:
    """Be the only one in the folder, which is made where it is not there."""
    while True:
        aside.mkdir(exist_ok=True)
        try:
            lock = os.open(aside, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            continue  # the one who had it has just removed it
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is(aside, lock):
                return lock
        except BlockingIOError:
            os.close(lock)
            raise UsageError(f"another process is writing {path}; wait for it to end") from None
        os.close(lock)


def _is(folder: Path, descriptor: int) -> bool:
    """Whether an open folder is still the one of that name: another may have removed it."""
    with contextlib.suppress(FileNotFoundError):
        return os.path.samestat(os.lstat(folder), os.fstat(descriptor))
    return False


def _empty(folder: Path) -> None:
    """Remove what an export that was killed has left."""
    for left in folder.iterdir():
        if left.is_dir() and not left.is_symlink():
            shutil.rmtree(left)
        else:
            left.unlink()


def _sync(path: Path) -> None:
    """Make what was written last through a power loss."""
    if path.is_file():
        _sync_file(path)
        return
    for folder, _, names in os.walk(path, onerror=_raise):
        for name in names:
            file = Path(folder, name)
            if not file.is_symlink():
                _sync_file(file)
        sync_directory(Path(folder))


def _raise(error: OSError) -> None:
    raise error


def _sync_file(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _name(written: Path, path: Path) -> None:
    storage = PosixStorage()
    try:
        storage.rename_new(written, path)
    except FileExistsError:
        raise UsageError(f"{path} has come to exist meanwhile; choose another name") from None
    storage.fsync_dir(path.parent)
