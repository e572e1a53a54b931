"""The one narrow seam through which the results side touches the file system.

Rules of this file:

1. Whatever reads, writes, renames or locks a file of the results side does it through a `Storage`,
   one system call each, so that a test can count the calls and kill, tear or fail at any of them.
2. Errors come out as the `OSError` they are; `disk_errors` turns them into messages.
"""

import contextlib
import errno
import fcntl
import os
import stat as modes
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple, Protocol

from batchcls.sources.directory import sync_directory

BLOCK = 1 << 20
READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW
READ_WRITE = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
CREATE = READ_WRITE | os.O_CREAT

_AT_FDCWD = -100
_RENAME_NOREPLACE = 1


class FileStat(NamedTuple):
    """Which file it is, how long, whether it is a plain one, and when its content was changed."""

    device: int
    inode: int
    size: int
    regular: bool
    mtime_ns: int

    def same_file(self, other: "FileStat | None") -> bool:
        """Whether both are of one file."""
        return other is not None and (self.device, self.inode) == (other.device, other.inode)


class Storage(Protocol):
    """File operations, each one system call."""

    def open(self, path: Path, flags: int) -> int:
        """A descriptor; `READ`, `READ_WRITE` or `CREATE`, and ``os.O_TRUNC``."""

    def close(self, fd: int) -> None:
        """Close a descriptor."""

    def pread(self, fd: int, size: int, offset: int) -> bytes:
        """At most `size` bytes; empty at the end of the file."""

    def pwrite(self, fd: int, data: bytes | memoryview, offset: int) -> int:
        """The number of bytes written, perhaps fewer than there are."""

    def ftruncate(self, fd: int, size: int) -> None:
        """Cut or lengthen a file."""

    def fdatasync(self, fd: int) -> None:
        """Make the content last through a power loss."""

    def fsync(self, fd: int) -> None:
        """Make content and metadata last through a power loss."""

    def copy_mode(self, source: int, target: int) -> None:
        """Let the same people read and write one open file as another."""

    def fstat(self, fd: int) -> FileStat:
        """What an open file is."""

    def stat(self, path: Path) -> FileStat | None:
        """What a name leads to, links not followed; None if there is nothing."""

    def rename(self, old: Path, new: Path) -> None:
        """Rename, and replace `new`."""

    def rename_new(self, old: Path, new: Path) -> None:
        """Rename, unless `new` exists (FileExistsError)."""

    def unlink(self, path: Path) -> None:
        """Remove a name; without effect if there is none."""

    def mkdir(self, path: Path) -> None:
        """Make a directory, unless it exists."""

    def rmdir(self, path: Path) -> None:
        """Remove an empty directory, if it exists."""

    def listdir(self, path: Path) -> list[str]:
        """Names in a directory, sorted; none if it does not exist."""

    def fsync_dir(self, path: Path) -> None:
        """Make the names in a directory last through a power loss."""

    def flock(self, fd: int) -> None:
        """Lock exclusively, without waiting (BlockingIOError)."""


class PosixStorage:
    """The file system of this machine."""

    def open(self, path: Path, flags: int) -> int:
        return os.open(path, flags, 0o666)

    def close(self, fd: int) -> None:
        os.close(fd)

    def pread(self, fd: int, size: int, offset: int) -> bytes:
        return os.pread(fd, size, offset)

    def pwrite(self, fd: int, data: bytes | memoryview, offset: int) -> int:
        return os.pwrite(fd, data, offset)

    def ftruncate(self, fd: int, size: int) -> None:
        os.ftruncate(fd, size)

    def fdatasync(self, fd: int) -> None:
        getattr(os, "fdatasync", os.fsync)(fd)  # macOS has none

    def fsync(self, fd: int) -> None:
        os.fsync(fd)

    def copy_mode(self, source: int, target: int) -> None:
        os.fchmod(target, modes.S_IMODE(os.fstat(source).st_mode))

    def fstat(self, fd: int) -> FileStat:
        return _file_stat(os.fstat(fd))

    def stat(self, path: Path) -> FileStat | None:
        try:
            return _file_stat(os.lstat(path))
        except FileNotFoundError:
            return None

    def rename(self, old: Path, new: Path) -> None:
        old.replace(new)

    def rename_new(self, old: Path, new: Path) -> None:
        number = _renameat2()(os.fsencode(old), os.fsencode(new))
        if not number:
            return
        if number not in (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP):
            raise OSError(number, os.strerror(number), os.fspath(new))
        # A file system or C library without it: look, then rename.
        if os.path.lexists(new):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), os.fspath(new))
        old.rename(new)

    def unlink(self, path: Path) -> None:
        path.unlink(missing_ok=True)

    def mkdir(self, path: Path) -> None:
        path.mkdir(exist_ok=True)

    def rmdir(self, path: Path) -> None:
        with contextlib.suppress(FileNotFoundError):
            path.rmdir()

    def listdir(self, path: Path) -> list[str]:
        try:
            return sorted(entry.name for entry in path.iterdir())
        except FileNotFoundError:
            return []

    def fsync_dir(self, path: Path) -> None:
        sync_directory(path)

    def flock(self, fd: int) -> None:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)


@cache
def _renameat2() -> Callable[[bytes, bytes], int]:
    """Renames without replacing; says the number of the error, or 0."""
    import ctypes  # at the end of a run; at its start it would delay the workers

    call = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)

    def rename(old: bytes, new: bytes) -> int:
        if call is None:
            return errno.ENOSYS
        done: int = call(_AT_FDCWD, old, _AT_FDCWD, new, _RENAME_NOREPLACE)
        return ctypes.get_errno() if done else 0

    return rename


def _file_stat(found: os.stat_result) -> FileStat:
    regular = modes.S_ISREG(found.st_mode)
    return FileStat(found.st_dev, found.st_ino, found.st_size, regular, found.st_mtime_ns)


@contextlib.contextmanager
def opened(storage: Storage, path: Path, flags: int = READ) -> Iterator[int]:
    """A descriptor that is closed at the end of the block."""
    fd = storage.open(path, flags)
    try:
        yield fd
    finally:
        storage.close(fd)


def blocks(storage: Storage, fd: int, start: int, end: int | None = None) -> Iterator[bytes]:
    """The bytes from `start` to `end` (or the file's end), piece by piece."""
    while end is None or start < end:
        block = storage.pread(fd, BLOCK if end is None else min(BLOCK, end - start), start)
        if not block:
            return
        start += len(block)
        yield block


def read_all(storage: Storage, path: Path) -> bytes:
    """A whole small file; FileNotFoundError if there is none."""
    with opened(storage, path) as fd:
        return b"".join(blocks(storage, fd, 0))


def write_all(storage: Storage, fd: int, data: bytes, offset: int) -> None:
    """Write everything, in as many calls as it takes."""
    left = memoryview(data)
    while left:
        written = storage.pwrite(fd, left, offset)
        if written <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        offset += written
        left = left[written:]


def write_atomically(storage: Storage, path: Path, data: bytes, *, durable: bool = True) -> None:
    """Replace a file by another content, so that nobody ever sees half of it.

    Args:
        path: the file; its temporary name has ``.tmp`` behind it.
        durable: also make it last through a power loss.
    """
    temporary = path.with_name(path.name + ".tmp")
    with opened(storage, temporary, CREATE | os.O_TRUNC) as fd:
        write_all(storage, fd, data, 0)
        if durable:
            storage.fsync(fd)
    storage.rename(temporary, path)
    if durable:
        storage.fsync_dir(path.parent)


def copy_file(storage: Storage, old: Path, new: Path) -> None:
    """Copy a file, with its mode, so that it lasts through a power loss."""
    with opened(storage, old) as source, opened(storage, new, CREATE | os.O_TRUNC) as target:
        storage.copy_mode(source, target)  # before there is anything in it: URLs may be signed
        offset = 0
        for block in blocks(storage, source, 0):
            write_all(storage, target, block, offset)
            offset += len(block)
        storage.fsync(target)
