"""Owns the folder of compiled models: who may use it, whole files or none, bounded in size.

Rules of this file:

1. A model's file appears by rename. Until then it is `KEY.part`, locked by the one process that
   compiles it; the others wait for that one instead of doing the same. A dead process's lock is
   free, and its file is swept up by its run, or by the next process that compiles.
2. Nothing is believed that was not checked: owner and permissions of the folder and the file, its
   length, and a checksum over all of it. What fails is removed, and compiled again.
3. No trouble in here stops a run: what cannot be cached is not cached.
4. A file is never written to again, so those that are mapped into processes stay as they are, and
   may be unlinked under them.
"""

import contextlib
import fcntl
import logging
import mmap
import os
import re
import stat
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Self

from batchcls.job.job import Job
from batchcls.job.paths import expanded
from batchcls.model.compile.compiled_format import CachedModel, parse, write
from batchcls.model.files.cache_folder import cache_folder

log = logging.getLogger("batchcls")

LIMIT = 2_000_000_000
"""Bytes that the folder may hold; the least recently used files go first."""

PATIENCE_S = 120.0
"""How long a process waits for another that compiles the same model, before it compiles too."""

SUFFIX, PART = ".compiled", ".part"
OPENVINO = "openvino-"
"""Begins the names of folders that are OpenVINO's."""
FOREIGN = (".blob", ".cl_cache")
"""Files that OpenVINO keeps by itself, for devices that do not go through here."""

_POLL_S = 0.01
_OURS = re.compile(rf"[0-9a-f]{{64}}{re.escape(PART)}")
_MAPPED: list[mmap.mmap] = []
"""OpenVINO computes from these pages without holding on to them: they stay mapped to the end."""


def folder_for(job: Job) -> Path | None:
    """Where a job's compiled models are kept; None where they are not.

    Operations and plugins from the user's own files are beyond what a key can say.

    Raises:
        RuntimeError: the user has no home directory.
    """
    if not job.cache or job.extension or job.plugins:
        return None
    return cache_folder() / "compiled" if job.cache_dir is None else expanded(job.cache_dir)


def sweep_after(job: Job) -> None:
    """Remove what killed workers of a run left behind."""
    with contextlib.suppress(OSError, RuntimeError):
        folder = folder_for(job)
        if folder is not None and folder.is_dir():
            CompiledFiles.open(folder).sweep()


@dataclass(slots=True)
class WriteLock:
    """The right to write one model's file, until it is closed."""

    file: IO[bytes]
    part: Path

    def write(self, final: Path, facts: Mapping[str, Any], blobs: Sequence[memoryview]) -> None:
        """Write the file and give it its name.

        Raises:
            OSError: the disk is full, or fails.
        """
        self.file.truncate(0)
        write(self.file, facts, blobs)
        self.file.flush()
        self.part.rename(final)

    def close(self) -> None:
        """Let the others have it; a file that has not got its name yet is removed."""
        with contextlib.suppress(OSError):
            if _same(self.file, self.part):
                self.part.unlink()
        with contextlib.suppress(OSError):
            self.file.close()  # and with it the lock


class CompiledFiles:
    """The folder; made by `CompiledFiles.open`.

    Args:
        folder: exists, and is ours.
        limit: bytes it may hold.
    """

    def __init__(self, folder: Path, limit: int = LIMIT) -> None:
        self.folder = folder
        self._limit = limit

    @classmethod
    def open(cls, folder: Path, limit: int = LIMIT) -> Self:
        """Make the folder if it is not there, and check that nobody else can put models into it.

        Raises:
            OSError: it cannot be made, or others may write to it; says why.
        """
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.stat()
        if found.st_uid != os.geteuid():
            raise PermissionError(0, "belongs to another user", str(folder))
        if found.st_mode & 0o022:
            raise PermissionError(0, "others may write to it", str(folder))
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(0, "is not writable", str(folder))
        return cls(folder, limit)

    def find(self, key: str) -> CachedModel | None:
        """A model's file, if it is there and whole; a damaged one is removed."""
        path = self.folder / (key + SUFFIX)
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid():
                raise ValueError("not a file of ours")
            # Private pages, so that NumPy and OpenVINO may have them as writable ones.
            pages = mmap.mmap(
                descriptor, 0, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_WRITE
            )
            found = parse(pages)
            _MAPPED.append(pages)
            with contextlib.suppress(OSError):
                os.utime(path)  # used just now: goes last
        except (ValueError, KeyError, TypeError, OSError) as error:
            log.info("%s: %s; compiling again", path, error)
            self.remove(key)
            return None
        else:
            return found
        finally:
            os.close(descriptor)

    def remove(self, key: str) -> None:
        """Remove a model's file."""
        with contextlib.suppress(OSError):
            (self.folder / (key + SUFFIX)).unlink()

    def lock(self, key: str, patience_s: float = PATIENCE_S) -> WriteLock | None:
        """The right to write a model's file, waited for while another process has it.

        Returns:
            None when the file has appeared meanwhile, cannot be written, or the wait took too long.
        """
        self.sweep()
        part, final = self.folder / (key + PART), self.folder / (key + SUFFIX)
        deadline = time.monotonic() + patience_s
        while not final.exists():
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            try:
                file = os.fdopen(os.open(part, flags, 0o600), "wb")
            except OSError as error:
                log.info("%s: %s; the compiled model is not cached", part, error.strerror)
                return None
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.close()
            except OSError as error:  # a file system without locks
                log.info("%s: %s; the compiled model is not cached", part, error.strerror)
                file.close()
                return None
            else:
                lock = WriteLock(file, part)
                if _same(file, part) and not final.exists():
                    return lock
                lock.close()
                continue
            if time.monotonic() > deadline:
                return None
            time.sleep(_POLL_S)
        return None

    def store(
        self, lock: WriteLock, key: str, facts: Mapping[str, Any], blobs: Sequence[memoryview]
    ) -> None:
        """Write a model's file, if there is room for it, and make that room."""
        size = sum(map(len, blobs))
        try:
            if size <= self._limit:
                self.shrink(size)
                lock.write(self.folder / (key + SUFFIX), facts, blobs)
        except OSError as error:
            log.info("%s: %s; the compiled model is not cached", lock.part, error.strerror)

    def sweep(self) -> None:
        """Remove what processes left behind that were killed while they compiled."""
        for part in self.folder.glob(f"*{PART}"):
            if not _OURS.fullmatch(part.name):  # the folder may be one that the user names
                continue
            with contextlib.suppress(OSError):
                file = os.fdopen(os.open(part, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC), "wb")
                with file:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    WriteLock(file, part).close()

    def foreign(self, key: str) -> Path:
        """A folder for what OpenVINO keeps by itself of one compilation.

        A folder for each, because its own names do not tell all of them apart: a model that was
        compiled for one way of computing quantised layers is used for the other.
        """
        return self.folder / f"{OPENVINO}{key[:32]}"

    def shrink(self, room: int = 0) -> None:
        """Remove the least recently used files until the rest and so many bytes fit."""
        found = []
        for path in [*self.folder.iterdir(), *self.folder.glob(f"{OPENVINO}*/*")]:
            if path.suffix in (SUFFIX, *FOREIGN):
                with contextlib.suppress(OSError):  # another process is at it too
                    status = path.lstat()
                    found.append((status.st_mtime_ns, status.st_size, path))
        total = room + sum(size for _, size, _ in found)
        for _, size, path in sorted(found):
            if total <= self._limit:
                return
            with contextlib.suppress(OSError):
                path.unlink()
                if path.parent != self.folder:
                    path.parent.rmdir()  # unless there is more in it
            total -= size


def _same(file: IO[bytes], path: Path) -> bool:
    """The name still leads to this open file: nobody renamed or removed it since."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.lstat())
    except OSError:
        return False
