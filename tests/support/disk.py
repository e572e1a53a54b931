"""A file system in memory that can lose its power.

What was written since the last sync of a file is on the disk or not, sector by sector, in any of
the versions that it had; its length is any that it had. Names made, moved and removed since the
last sync of their directory are there or not: in order, or in any subset. What was synced stays.
Killing the process instead loses nothing that was written.
"""

import errno
import os
import random
from dataclasses import dataclass, field
from pathlib import Path

from batchcls.results.storage import FileStat


@dataclass
class Inode:
    number: int
    directory: bool = False
    durable: bytes = b""
    current: bytearray = field(default_factory=bytearray)
    versions: list[bytes] = field(default_factory=list)  # each since the last sync, oldest first
    mtime_ns: int = 1
    durable_mtime_ns: int = 1

    def changed(self) -> None:
        self.versions.append(bytes(self.current))
        self.mtime_ns += 1

    def synced(self) -> None:
        self.durable = bytes(self.current)
        self.durable_mtime_ns = self.mtime_ns
        self.versions.clear()

    def after_power_loss(self, rng: random.Random, sector: int) -> "Inode":
        choices = [self.durable, *self.versions]
        size = len(rng.choice(choices))
        content = bytearray()
        for start in range(0, size, sector):
            piece = rng.choice(choices)[start : start + sector]
            length = min(sector, size - start)
            if len(piece) < length:
                filling = rng.choice((b"\0", b"x", b"\n"))
                piece += filling * (length - len(piece))
            content += piece[:length]
        mtime = rng.choice((self.durable_mtime_ns, self.mtime_ns))
        return Inode(self.number, self.directory, bytes(content), content, [], mtime, mtime)


Names = dict[Path, Inode]
Change = tuple[frozenset[Path], dict[Path, Inode | None]]
"""The directories that it touches, and what becomes of names."""


class SimDisk:
    """The disk, and the system calls on it.

    Args:
        directory: the one that exists from the beginning.
    """

    def __init__(self, directory: Path) -> None:
        self._counter = 1
        self._root = directory
        self.durable_names: Names = {directory: Inode(1, directory=True)}
        self.names: Names = dict(self.durable_names)
        self.changes: list[Change] = []
        self._open: dict[int, Inode] = {}
        self._locks: dict[int, int] = {}
        self._next_fd = 3

    # ---- what tests ask and do

    def content(self, path: Path) -> bytes | None:
        inode = self.names.get(path)
        return None if inode is None else bytes(inode.current)

    def replace_content(self, path: Path, data: bytes) -> None:
        inode = self.names[path]
        inode.current[:] = data
        inode.mtime_ns += 1
        inode.synced()

    def after_kill(self) -> "SimDisk":
        """The same state without its processes; shares nothing."""
        copies: dict[int, Inode] = {}

        def copy(inode: Inode) -> Inode:
            if inode.number not in copies:
                copies[inode.number] = Inode(
                    inode.number,
                    inode.directory,
                    inode.durable,
                    bytearray(inode.current),
                    list(inode.versions),
                    inode.mtime_ns,
                    inode.durable_mtime_ns,
                )
            return copies[inode.number]

        new = SimDisk(self._root)
        new._counter = self._counter
        new.durable_names = {p: copy(i) for p, i in self.durable_names.items()}
        new.names = {p: copy(i) for p, i in self.names.items()}
        new.changes = [
            (d, {p: i and copy(i) for p, i in entries.items()}) for d, entries in self.changes
        ]
        return new

    def after_power_loss(self, rng: random.Random) -> "SimDisk":
        """One of the states in which the disk may be after a power loss now."""
        names = dict(self.durable_names)
        if rng.random() < 0.5:
            kept = self.changes[: rng.randint(0, len(self.changes))]
        else:
            kept = [change for change in self.changes if rng.random() < 0.5]
        for _, entries in kept:
            for path, entry in entries.items():
                if entry is None:
                    names.pop(path, None)
                else:
                    names[path] = entry
        sector = rng.choice((512, 4096))
        inodes = {i.number: i for i in names.values()}
        lost = {n: i.after_power_loss(rng, sector) for n, i in inodes.items()}
        new = SimDisk(self._root)
        new._counter = self._counter
        new.durable_names = {
            p: lost[i.number] for p, i in names.items() if p == self._root or p.parent in names
        }
        new.names = dict(new.durable_names)
        return new

    # ---- Storage

    def open(self, path: Path, flags: int) -> int:
        inode = self.names.get(path)
        if inode is None:
            if not flags & os.O_CREAT:
                raise _error(errno.ENOENT)
            self._require_parent(path)
            self._counter += 1
            inode = Inode(self._counter)
            self._change({path: inode})
        if inode.directory:
            raise _error(errno.EISDIR)
        if flags & os.O_TRUNC and inode.current:
            inode.current.clear()
            inode.changed()
        fd = self._next_fd
        self._next_fd += 1
        self._open[fd] = inode
        return fd

    def close(self, fd: int) -> None:
        inode = self._open.pop(fd)
        if self._locks.get(inode.number) == fd:
            del self._locks[inode.number]

    @property
    def open_files(self) -> int:
        return len(self._open)

    def pread(self, fd: int, size: int, offset: int) -> bytes:
        return bytes(self._open[fd].current[offset : offset + size])

    def pwrite(self, fd: int, data: bytes | memoryview, offset: int) -> int:
        inode = self._open[fd]
        gap = offset - len(inode.current)
        if gap > 0:
            inode.current += bytes(gap)
        inode.current[offset : offset + len(data)] = data
        inode.changed()
        return len(data)

    def ftruncate(self, fd: int, size: int) -> None:
        inode = self._open[fd]
        if size == len(inode.current):
            return
        if size > len(inode.current):
            inode.current += bytes(size - len(inode.current))
        del inode.current[size:]
        inode.changed()

    def fdatasync(self, fd: int) -> None:
        self._open[fd].synced()

    def fsync(self, fd: int) -> None:
        self._open[fd].synced()

    def copy_mode(self, source: int, target: int) -> None:
        pass

    def fstat(self, fd: int) -> FileStat:
        return _stat(self._open[fd])

    def stat(self, path: Path) -> FileStat | None:
        inode = self.names.get(path)
        return None if inode is None else _stat(inode)

    def rename(self, old: Path, new: Path) -> None:
        if old not in self.names:
            raise _error(errno.ENOENT)
        self._require_parent(new)
        self._change({old: None, new: self.names[old]})

    def rename_new(self, old: Path, new: Path) -> None:
        if new in self.names:
            raise _error(errno.EEXIST)
        self.rename(old, new)

    def unlink(self, path: Path) -> None:
        if path in self.names:
            self._change({path: None})

    def mkdir(self, path: Path) -> None:
        if path not in self.names:
            self._require_parent(path)
            self._counter += 1
            self._change({path: Inode(self._counter, directory=True)})

    def rmdir(self, path: Path) -> None:
        if path in self.names:
            if self.listdir(path):
                raise _error(errno.ENOTEMPTY)
            self._change({path: None})

    def listdir(self, path: Path) -> list[str]:
        return sorted(p.name for p in self.names if p.parent == path and p != path)

    def fsync_dir(self, path: Path) -> None:
        if path not in self.names:
            raise _error(errno.ENOENT)
        kept: list[Change] = []
        for directories, entries in self.changes:
            if path not in directories:
                kept.append((directories, entries))
                continue
            for name, entry in entries.items():
                if entry is None:
                    self.durable_names.pop(name, None)
                else:
                    self.durable_names[name] = entry
        self.changes = kept

    def flock(self, fd: int) -> None:
        inode = self._open[fd]
        if self._locks.setdefault(inode.number, fd) != fd:
            raise _error(errno.EAGAIN)

    def _change(self, entries: dict[Path, Inode | None]) -> None:
        self.changes.append((frozenset(p.parent for p in entries), entries))
        for path, entry in entries.items():
            if entry is None:
                del self.names[path]
            else:
                self.names[path] = entry

    def _require_parent(self, path: Path) -> None:
        if path.parent not in self.names:
            raise _error(errno.ENOENT)


def _stat(inode: Inode) -> FileStat:
    regular = not inode.directory
    return FileStat(1, inode.number, len(inode.current), regular, inode.mtime_ns)


def _error(number: int) -> OSError:
    return OSError(number, os.strerror(number))
