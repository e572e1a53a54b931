"""A storage whose operations are numbered, so that something can happen at each of them.

`Plan` decides, per operation, whether it is carried out, torn, failed, or whether the process ends
there. Nothing here knows what the operations are for.
"""

import errno
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from batchcls.results.storage import FileStat, PosixStorage, Storage

Act = Callable[..., Any]


class Plan(Protocol):
    """What happens at operation `number`; `act(*args)` carries it out."""

    def __call__(self, number: int, name: str, act: Act, args: tuple[Any, ...]) -> Any: ...


class Crash(BaseException):
    """The process ends here (in a simulation, where SIGKILL would end the test as well)."""


class Unsynced(PosixStorage):
    """The real file system without syncs: a killed process needs none."""

    def fdatasync(self, fd: int) -> None:
        pass

    def fsync(self, fd: int) -> None:
        pass

    def fsync_dir(self, path: Path) -> None:
        pass


class Process(Unsynced):
    """Knows what it has open: the kernel closes that when a process ends, and drops its locks."""

    def __init__(self) -> None:
        self._open: set[int] = set()

    def open(self, path: Path, flags: int) -> int:
        descriptor = super().open(path, flags)
        self._open.add(descriptor)
        return descriptor

    def close(self, fd: int) -> None:
        super().close(fd)
        self._open.remove(fd)

    def end(self) -> None:
        for descriptor in list(self._open):
            self.close(descriptor)


class Numbered:
    """Passes every operation to a plan, with its number."""

    def __init__(self, storage: Storage, plan: Plan) -> None:
        self._storage = storage
        self._plan = plan
        self.names: list[str] = []

    def _do(self, name: str, *args: Any) -> Any:
        number = len(self.names)
        self.names.append(name)
        return self._plan(number, name, getattr(self._storage, name), args)

    def open(self, path: Path, flags: int) -> int:
        return int(self._do("open", path, flags))

    def close(self, fd: int) -> None:
        self._do("close", fd)

    def pread(self, fd: int, size: int, offset: int) -> bytes:
        return bytes(self._do("pread", fd, size, offset))

    def pwrite(self, fd: int, data: bytes | memoryview, offset: int) -> int:
        return int(self._do("pwrite", fd, data, offset))

    def ftruncate(self, fd: int, size: int) -> None:
        self._do("ftruncate", fd, size)

    def fdatasync(self, fd: int) -> None:
        self._do("fdatasync", fd)

    def fsync(self, fd: int) -> None:
        self._do("fsync", fd)

    def copy_mode(self, source: int, target: int) -> None:
        self._do("copy_mode", source, target)

    def fstat(self, fd: int) -> FileStat:
        found: FileStat = self._do("fstat", fd)
        return found

    def stat(self, path: Path) -> FileStat | None:
        found: FileStat | None = self._do("stat", path)
        return found

    def rename(self, old: Path, new: Path) -> None:
        self._do("rename", old, new)

    def rename_new(self, old: Path, new: Path) -> None:
        self._do("rename_new", old, new)

    def unlink(self, path: Path) -> None:
        self._do("unlink", path)

    def mkdir(self, path: Path) -> None:
        self._do("mkdir", path)

    def rmdir(self, path: Path) -> None:
        self._do("rmdir", path)

    def listdir(self, path: Path) -> list[str]:
        return list(self._do("listdir", path))

    def fsync_dir(self, path: Path) -> None:
        self._do("fsync_dir", path)

    def flock(self, fd: int) -> None:
        self._do("flock", fd)


def as_it_is(number: int, name: str, act: Act, args: tuple[Any, ...]) -> Any:
    """The plan without events."""
    return act(*args)


class End:
    """Ends the process at one operation: before it, after it, or with a write torn.

    Args:
        at: the operation's number.
        how: "before", "after", or how much of a write is done: "0", "1", "half", "len-1".
        end: ends the process.
    """

    def __init__(self, at: int, how: str, end: Callable[[], None]) -> None:
        self._at = at
        self._how = how
        self._end = end
        self._ended = False

    def __call__(self, number: int, name: str, act: Act, args: tuple[Any, ...]) -> Any:
        if self._ended:
            # Nothing is done by a dead process, whatever its `finally` clauses say.
            if name == "close":
                return None
            self._end()
        if number != self._at:
            return act(*args)
        self._ended = True
        if self._how == "after":
            act(*args)
        elif self._how != "before" and name == "pwrite":
            fd, data, offset = args
            length = {"0": 0, "1": 1, "half": len(data) // 2, "len-1": len(data) - 1}[self._how]
            if length:
                act(fd, data[:length], offset)
        self._end()
        raise AssertionError("the process should be gone")


TEARS = ("0", "1", "half", "len-1")


def ends_of(names: list[str]) -> list[tuple[int, str]]:
    """Every place at which a run with these operations can end."""
    return [
        (number, how)
        for number, name in enumerate(names)
        for how in ("before", "after", *(TEARS if name == "pwrite" else ()))
    ]


CHANGES = {
    "open", "pwrite", "ftruncate", "rename", "rename_new", "unlink", "mkdir", "rmdir",
}  # fmt: skip


def moments(names: list[str]) -> list[tuple[int, str]]:
    """Before each operation that changes something, and in the middle of each write."""
    return [(at, how) for at, how in ends_of(names) if names[at] in CHANGES and how != "after"]


def kill_self() -> None:
    """A real SIGKILL."""
    os.kill(os.getpid(), signal.SIGKILL)


def crash() -> None:
    """A simulated one."""
    raise Crash


class Fail:
    """Fails one operation, or it and all later ones of its name.

    Args:
        at: the operation's number.
        error: errno to fail with; 0 writes half of the data and says so.
        sticky: fail for good.
    """

    def __init__(self, at: int, error: int, *, sticky: bool) -> None:
        self._at = at
        self._error = error
        self._sticky = sticky
        self._name = ""
        self.failed: list[tuple[str, tuple[Any, ...]]] = []
        self.synced_after_failed_sync = False

    def __call__(self, number: int, name: str, act: Act, args: tuple[Any, ...]) -> Any:
        if number == self._at:
            self._name = name
        elif not (self._sticky and name == self._name and number > self._at):
            failed_syncs = [a for n, a in self.failed if n in ("fsync", "fdatasync")]
            if name in ("fsync", "fdatasync") and args in failed_syncs:
                self.synced_after_failed_sync = True
            return act(*args)
        if name in ("fsync", "fdatasync") and (name, args) in self.failed:
            self.synced_after_failed_sync = True
        self.failed.append((name, args))
        if self._error:
            raise OSError(self._error, os.strerror(self._error))
        if name != "pwrite":
            return act(*args)
        fd, data, offset = args
        return act(fd, data[: len(data) // 2], offset)


ERRORS = (errno.ENOSPC, errno.EIO, errno.EDQUOT, 0)
