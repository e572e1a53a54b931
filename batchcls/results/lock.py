"""One run at a time writes to an output: an flock that dies with its process.

The kernel drops the lock when the process is gone, however it went, so there is no stale state.
The text in the file only tells people who holds it. Descriptors close on exec, so that no worker
keeps the lock of a coordinator that was killed.

By hand, although filelock (4.3, MIT) wraps the same call: its flock does not say who holds it;
where the file system has no locks, it turns to marker files instead of warning; and it opens its
files itself, past `Storage`, so that no test could fail or kill a run at its calls.
"""

import contextlib
import errno
import os
import re
import socket
import time
from pathlib import Path
from typing import Self

from batchcls.errors import RefusedError, StoppedError
from batchcls.results.disk_errors import guard
from batchcls.results.rundir import RunPaths
from batchcls.results.storage import CREATE, Storage, write_all

PATIENCE_S = 0.3
_UNSUPPORTED = frozenset({errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EINVAL})
_UNLOCKED = (
    "the file system of {} has no locks, so batchcls cannot notice a second run there; "
    "start only one at a time"
)


class Lock:
    """A lock that this process holds; made by `Lock.take`, to be used in a ``with``.

    Attributes:
        warning: why the lock may not protect, "" if it does.
    """

    def __init__(self, path: Path, storage: Storage, fd: int, warning: str) -> None:
        self._path = path
        self._storage = storage
        self._fd = fd
        self.warning = warning

    @classmethod
    def take(cls, paths: RunPaths, storage: Storage, patience_s: float = PATIENCE_S) -> Self:
        """Lock an output, whose directory exists (`rundir.make_directory`).

        Args:
            patience_s: how long to wait for a holder that is about to end.

        Raises:
            RefusedError: another run holds it, named by process id, host and start.
            StoppedError: the disk is full or fails.
        """
        deadline = time.monotonic() + patience_s
        while True:
            with guard(paths.lock):
                taken = _try(paths.lock, storage)
            if isinstance(taken, tuple):
                descriptor, locked = taken
                warning = "" if locked else _UNLOCKED.format(paths.results)
                return cls(paths.lock, storage, descriptor, warning)
            if time.monotonic() >= deadline:
                raise RefusedError(
                    f"{paths.results} is being written by another run ({taken}); wait for it, "
                    "watch it with `batchcls watch`, or choose another `--output`"
                )
            time.sleep(0.02)

    def require_in_place(self) -> None:
        """Check that the lock is where it was taken, and so what else belongs to the run.

        Raises:
            StoppedError: it, or a folder above it, was moved or removed.
        """
        with contextlib.suppress(OSError):
            if self._storage.fstat(self._fd).same_file(self._storage.stat(self._path)):
                return
        raise StoppedError(
            f"{self._path} is no longer there: it, or a folder above it, was moved or removed "
            "during the run; put it back, then run the same command again"
        )

    def release(self) -> None:
        """Let others write; without effect the second time."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            with contextlib.suppress(OSError):
                self._storage.close(fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def _try(path: Path, storage: Storage) -> tuple[int, bool] | str:
    """The descriptor and whether it is locked; or else who holds the lock."""
    fd = storage.open(path, CREATE)
    try:
        try:
            locked = _flock(storage, fd)
        except BlockingIOError:
            holder = _holder(storage, fd)
            storage.close(fd)
            return holder
        # Somebody may have removed the file between open and lock: its successor counts.
        if not storage.fstat(fd).same_file(storage.stat(path)):
            storage.close(fd)
            return "which is just starting"
        _sign(storage, fd)
    except OSError:
        storage.close(fd)
        raise
    return fd, locked


def _flock(storage: Storage, fd: int) -> bool:
    """Whether the file system has locks; `BlockingIOError` where another run holds this one."""
    try:
        storage.flock(fd)
    except BlockingIOError:
        raise
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise
        return False
    return True


def _sign(storage: Storage, fd: int) -> None:
    text = f"{os.getpid()} {socket.gethostname()} {time.strftime('%Y-%m-%dT%H:%M:%S%z')}\n"
    storage.ftruncate(fd, 0)
    write_all(storage, fd, text.encode("ascii", "replace"), 0)


def _holder(storage: Storage, fd: int) -> str:
    """Who holds the lock, as text that is safe for a terminal."""
    text = storage.pread(fd, 300, 0).decode("ascii", "replace")
    match = re.fullmatch(r"([0-9]+) ([!-~]+) ([0-9T:+-]+)\n", text)
    if match is None:
        return "which has not signed the lock file yet"
    return f"process {match[1]} on {match[2]}, started {match[3]}"
