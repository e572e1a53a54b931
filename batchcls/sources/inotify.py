"""Linux's inotify: what is closed, moved and made in directories, as the kernel says it.

By hand, since the libraries say less: watchfiles (1.3) folds a close into "modified" and tells of
no overflow, watchdog (7.1) reads in a thread into a queue without bound. Those that tell all are
this file.
"""

import ctypes
import errno
import os
import struct
import sys
from typing import NamedTuple

CLOSE_WRITE = 0x8
MOVED_TO = 0x80
CREATE = 0x100
MOVE_SELF = 0x800
UNMOUNT = 0x2000
OVERFLOW = 0x4000
IGNORED = 0x8000
ONLY_DIRECTORIES = 0x01000000
IS_DIRECTORY = 0x40000000

_HEAD = struct.Struct("iIII")
_AT_ONCE = 1 << 18


class Happened(NamedTuple):
    """One event: the number of a watch, what happened, and the name in the directory."""

    watch: int
    what: int
    name: bytes


class Inotify:
    """A queue of events.

    Raises:
        OSError: there is no inotify, or no further queue.
    """

    def __init__(self) -> None:
        if not sys.platform.startswith("linux"):
            raise OSError(errno.ENOSYS, "inotify is Linux's")
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._fd = self._checked(self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))

    def watch(self, directory: bytes) -> int:
        """Begin to watch a directory; its number, the same if it is watched already.

        Raises:
            OSError: ENOSPC where the system allows no more watches.
        """
        what = CLOSE_WRITE | MOVED_TO | CREATE | MOVE_SELF | ONLY_DIRECTORIES
        return self._checked(self._libc.inotify_add_watch(self._fd, directory, what))

    def read(self) -> list[Happened]:
        """What has happened since; does not wait."""
        try:
            data = os.read(self._fd, _AT_ONCE)
        except BlockingIOError:
            return []
        found, at = [], 0
        while at < len(data):
            watch, what, _, length = _HEAD.unpack_from(data, at)
            at += _HEAD.size
            found.append(Happened(watch, what, data[at : at + length].rstrip(b"\0")))
            at += length
        return found

    def close(self) -> None:
        """End all watches."""
        os.close(self._fd)

    def _checked(self, result: int) -> int:
        if result < 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))
        return result
