"""Decides where an agent keeps what can be made again: on its own machine, never over a network.

A compiled model is mapped into memory, and its folder is locked. In a home folder that several
nodes share, a file that one replaces kills the others' workers (SIGBUS), and locks may hold for
nobody.
"""

import os
import stat
import tempfile
from pathlib import Path

from batchcls.model.files.cache_folder import cache_folder

LOCAL = frozenset(
    {"ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "bcachefs", "overlay", "tmpfs", "ramfs"}
)
"""File systems of one machine; every other one may be shared."""


def node_cache(mounts: Path = Path("/proc/self/mountinfo")) -> Path:
    """The user's cache folder where it is this machine's own, else one in its temporary folder.

    Either is called `batchcls`, as the cache folder of ``$XDG_CACHE_HOME`` is.

    Args:
        mounts: as in proc(5).

    Raises:
        OSError: there is no folder that can be written.
    """
    try:
        usual = cache_folder()
        if file_system(usual, mounts) in LOCAL and _writable(usual):
            return usual
    except (OSError, RuntimeError):  # no home
        pass
    own = Path(tempfile.gettempdir()) / f"batchcls-{os.getuid()}"
    own.mkdir(mode=0o700, exist_ok=True)
    found = own.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise PermissionError(1, "belongs to somebody else", str(own))
    return own / "batchcls"


def file_system(path: Path, mounts: Path) -> str:
    """The kind of file system that a path is on, or would be; "" where that is not known."""
    while not path.exists() and path != path.parent:
        path = path.parent
    wanted = os.fsencode(path.resolve())
    best, kind = b"", ""
    for line in mounts.read_bytes().splitlines():
        before, _, after = line.partition(b" - ")
        place = _unescaped(before.split(b" ")[4])
        inside = place == b"/" or (wanted + b"/").startswith(place + b"/")
        if inside and len(place) >= len(best):
            best, kind = place, after.split(b" ")[0].decode(errors="replace")
    return kind


def _unescaped(place: bytes) -> bytes:
    for code in (b"040", b"011", b"012", b"134"):
        place = place.replace(b"\\" + code, bytes([int(code, 8)]))
    return place


def _writable(folder: Path) -> bool:
    folder.mkdir(parents=True, exist_ok=True)
    return os.access(folder, os.W_OK)
