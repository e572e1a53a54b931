"""Watches directories by inotify, and says where that does not suffice and one has to look."""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from batchcls.sources import inotify

Where = tuple[bytes, bytes]
"""A source, and a path below it: empty, or with a ``/`` at its end."""

DISTANT = frozenset({
    "nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "afs", "9p", "ceph", "lustre", "gpfs",
    "beegfs", "glusterfs", "virtiofs", "vboxsf", "prl_fs", "fakeowner", "drvfs",
})  # fmt: skip
"""File systems that say nothing of what other machines do in them."""
PROGRAM = "fuse."
"""Before the name of a program that is a file system: sshfs, rclone, s3fs, …"""

LIMIT = (
    "the system allows no more {}, so directories are listed again and again; raise their number, "
    "for example `sudo sysctl fs.inotify.{}`"
)


class Seen(NamedTuple):
    """Something has come into a directory.

    Attributes:
        where: the directory.
        name: of what came.
        directory: it is one.
        whole: it is a file that was closed after writing, or moved here.
    """

    where: Where
    name: bytes
    directory: bool
    whole: bool


class Watches:
    """Watched directories.

    Args:
        warn: tells people why one has to look.

    Attributes:
        suffice: nothing can come unseen.
        lost: something has come unseen, or a source has gone; set back by whoever has looked.
    """

    def __init__(self, warn: Callable[[str], None]) -> None:
        self._warn = warn
        self._places: dict[int, Where] = {}
        self._distant: dict[int, bool] = {}
        self.suffice, self.lost = True, False
        self._inotify: inotify.Inotify | None = None
        try:
            self._inotify = inotify.Inotify()
        except OSError as error:
            self.suffice = False
            if error.errno == errno.EMFILE:
                warn(LIMIT.format("programs that watch", "max_user_instances=1024"))
            elif error.errno != errno.ENOSYS:
                warn(f"cannot watch directories ({error.strerror}), and lists them again instead")

    def add(self, top: bytes, relative: bytes) -> None:
        """Watch a directory; to be called before it is listed."""
        if self._inotify is None:
            return
        directory = top + b"/" + relative
        try:
            self._places[self._inotify.watch(directory)] = (top, relative)
            self.suffice = self.suffice and not self._is_distant(directory)
        except OSError as error:
            # Otherwise it is gone or closed to us, as whoever lists it will find.
            if error.errno == errno.ENOSPC:
                self.suffice = False
                self._warn(LIMIT.format("watches", "max_user_watches=1000000"))

    def read(self) -> list[Seen]:
        """What has come since; does not wait."""
        found = []
        for event in self._inotify.read() if self._inotify is not None else ():
            where = self._places.get(event.watch)
            if event.what & (inotify.OVERFLOW | inotify.UNMOUNT):
                self.lost = True
            elif event.what & (inotify.IGNORED | inotify.MOVE_SELF):
                self.lost = self.lost or (where is not None and not where[1])
                if event.what & inotify.IGNORED:
                    self._places.pop(event.watch, None)
            elif where is not None:
                directory = bool(event.what & inotify.IS_DIRECTORY)
                whole = bool(event.what & (inotify.CLOSE_WRITE | inotify.MOVED_TO))
                found.append(Seen(where, event.name, directory, whole))
        return found

    def close(self) -> None:
        """End all watches."""
        if self._inotify is not None:
            self._inotify.close()

    def _is_distant(self, directory: bytes) -> bool:
        device = os.stat(directory).st_dev  # noqa: PTH116 - raw bytes
        if device not in self._distant:
            self._distant = {device: False, **distant_devices()}
        return self._distant[device]


def distant_devices(mounts: Path = Path("/proc/self/mountinfo")) -> dict[int, bool]:
    """Device number of each mounted file system → whether it is one of `DISTANT`, or a program."""
    found = {}
    for line in mounts.read_text(errors="replace").splitlines():
        before, _, after = line.partition(" - ")
        major, minor = before.split()[2].split(":")
        kind = after.split()[0]
        found[os.makedev(int(major), int(minor))] = kind in DISTANT or kind.startswith(PROGRAM)
    return found
