"""One image's bytes from the file system, or the reason why not, and never a wait without end.

Rules of this file:

1. Only regular files are opened: a FIFO, socket or device of that name blocks nobody.
2. What is returned is one consistent version of the file: size and time are the same before and
   after reading, else it is read once more, else the image has `changed`.
3. What the file system may get over (EIO, ESTALE, a time-out) is tried again, a little later each
   time, before it becomes the image's failure.
"""

import errno
import os
import stat
import time
from collections.abc import Callable
from typing import Protocol

from batchcls.errors import ImageError
from batchcls.images import MAX_BYTES, FailureKind

BACKOFF_S = (0.1, 0.4, 1.6)
READ_BLOCK = 16 << 20
FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC

TRANSIENT = frozenset(
    {
        errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EAGAIN, errno.EBUSY, errno.EREMOTEIO,
        errno.ENETDOWN, errno.ENETUNREACH, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ECONNRESET,
        errno.ECONNREFUSED, errno.ENOTCONN, errno.EMFILE, errno.ENFILE, errno.ENOMEM,
    }
)  # fmt: skip

KINDS: dict[int, FailureKind] = {
    errno.ENOENT: "vanished",
    errno.ENOTDIR: "vanished",
    errno.ENAMETOOLONG: "vanished",
    errno.EACCES: "denied",
    errno.EPERM: "denied",
    errno.ENXIO: "not_regular",
    errno.ENODEV: "not_regular",
    errno.ENOMEM: "out_of_memory",
}


class System(Protocol):
    """The calls that reading needs; the module `os` has them."""

    def stat(self, path: bytes, /) -> os.stat_result:
        """`os.stat`."""

    def open(self, path: bytes, flags: int, /) -> int:
        """`os.open`."""

    def fstat(self, fd: int, /) -> os.stat_result:
        """`os.fstat`."""

    def read(self, fd: int, length: int, /) -> bytes:
        """`os.read`."""

    def close(self, fd: int, /) -> None:
        """`os.close`."""


class ChangedError(Exception):
    """The file was not the same after reading as before."""


def read_file(
    path: bytes,
    max_bytes: int = MAX_BYTES,
    *,
    system: System = os,
    sleep: Callable[[float], None] = time.sleep,
) -> bytes:
    """The bytes of one image file.

    Args:
        path: of the file.
        max_bytes: larger files are refused unread.
        system: the file system's calls.
        sleep: how to wait before trying again.

    Raises:
        ImageError: vanished, denied, io_error, not_regular, changed, empty, too_large,
            out_of_memory.
        ValueError: the path contains a NUL.
    """
    return patiently(lambda: _read_once(path, max_bytes, system), sleep)


def patiently(read: Callable[[], bytes], sleep: Callable[[float], None] = time.sleep) -> bytes:
    """What `read` gives, tried again where that may help.

    Args:
        read: raises `OSError`, `ChangedError`, or what it likes.
        sleep: how to wait before trying again.

    Raises:
        ImageError: why there is nothing.
    """
    waits = iter(BACKOFF_S)
    changes = 0
    while True:
        try:
            return read()
        except ChangedError:
            changes += 1
            if changes == 2:
                raise ImageError("changed", "changed while it was read, twice") from None
        except OSError as error:
            wait = next(waits, None) if error.errno in TRANSIENT else None
            if wait is None:
                raise _failure(error) from error
            sleep(wait)
        except MemoryError:
            raise ImageError("out_of_memory", "not enough memory to read it") from None


def _read_once(path: bytes, max_bytes: int, system: System) -> bytes:
    # Before opening: merely opening a device can have effects.
    require_regular(system.stat(path))
    descriptor = system.open(path, FLAGS)
    try:
        before = system.fstat(descriptor)
        require_regular(before)
        if before.st_size > max_bytes:
            raise ImageError("too_large", f"{before.st_size} bytes, over the limit of {max_bytes}")
        # Some mounts (FUSE, procfs-like) do not know sizes and say 0: what there is decides then.
        size = before.st_size or max_bytes
        data = _read_all(descriptor, size, system)
        after = system.fstat(descriptor)
    finally:
        system.close(descriptor)
    if len(data) > max_bytes:
        raise ImageError("too_large", f"over the limit of {max_bytes} bytes")
    read = len(data) if before.st_size else 0
    if (read, after.st_size, after.st_mtime_ns) != (
        before.st_size,
        before.st_size,
        before.st_mtime_ns,
    ):
        raise ChangedError
    if not data:
        raise ImageError("empty", "no bytes in it")
    return data


def _read_all(descriptor: int, size: int, system: System) -> bytes:
    """Read to the end, or to one byte beyond the size: more means that the file grew."""
    blocks: list[bytes] = []
    left = size + 1
    while left > 0:
        block = system.read(descriptor, min(left, READ_BLOCK))
        if not block:
            break
        blocks.append(block)
        left -= len(block)
    return blocks[0] if len(blocks) == 1 else b"".join(blocks)


def require_regular(status: os.stat_result) -> None:
    """Refuse what is no plain file.

    Raises:
        ImageError: not_regular.
    """
    if not stat.S_ISREG(status.st_mode):
        raise ImageError("not_regular", f"not a regular file but {_sort_of_file(status.st_mode)}")


def _sort_of_file(mode: int) -> str:
    for test, words in (
        (stat.S_ISDIR, "a directory"),
        (stat.S_ISFIFO, "a FIFO"),
        (stat.S_ISSOCK, "a socket"),
        (stat.S_ISCHR, "a character device"),
        (stat.S_ISBLK, "a block device"),
    ):
        if test(mode):
            return words
    return "something else"


def _failure(error: OSError) -> ImageError:
    number = error.errno or 0
    words = os.strerror(number) if number else "unknown error"
    name = errno.errorcode.get(number, str(number))
    return ImageError(KINDS.get(number, "io_error"), f"{words} ({name})")
