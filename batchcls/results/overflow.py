"""Keeps lines that wait for one before them and outgrow memory, in a file of the run's folder.

Rules of this file:

1. The file has no name, so that a crash leaves nothing behind.
2. It never takes the last of the disk: the journal needs room too. Where it cannot grow, it says
   so, and the run goes on as if it were not there.
3. When nothing is kept any more, its disk space is given back.
"""

import contextlib
import os
import tempfile
import zlib
from pathlib import Path
from typing import IO

from batchcls.errors import StoppedError
from batchcls.results.disk_errors import guard

RESERVE = 1 << 30
"""Bytes of the disk that are left to others."""

CHECKSUM = 4


class Overflow:
    """Byte strings on disk, to be given back once.

    Args:
        folder: of the run; the file is made there when it is first needed.
        reserve: bytes of the disk that are left to others.

    Attributes:
        size: bytes of the file.
    """

    def __init__(self, folder: Path, reserve: int = RESERVE) -> None:
        self._folder = folder
        self._reserve = reserve
        self._file: IO[bytes] | None = None
        self.size = 0
        self._kept = 0

    def put(self, data: bytes) -> int | None:
        """Keep this; its place, or None where there is no room."""
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(dir=self._folder, buffering=0)  # noqa: SIM115 - closed by close
            descriptor = self._file.fileno()
            found = os.fstatvfs(descriptor)
            if found.f_bavail * found.f_frsize < self._reserve + len(data):
                return None
            whole = data + zlib.crc32(data).to_bytes(CHECKSUM)
            if os.pwrite(descriptor, whole, self.size) < len(whole):
                return None
        except OSError:
            return None
        place = self.size
        self.size += len(whole)
        self._kept += 1
        return place

    def take(self, place: int, size: int) -> bytes:
        """Give back what was kept.

        Raises:
            StoppedError: the disk does not give it back as it was.
        """
        if self._file is None:
            raise ValueError("nothing is kept")
        with guard(self._folder, " while finished lines waited there"):
            whole = os.pread(self._file.fileno(), size + CHECKSUM, place)
        data, checksum = whole[:size], whole[size:]
        if len(checksum) < CHECKSUM or zlib.crc32(data).to_bytes(CHECKSUM) != checksum:
            raise StoppedError(
                f"{self._folder}: finished lines that waited there came back damaged, but what is "
                "written is safe; check the disk, then run the same command again"
            )
        self._kept -= 1
        if not self._kept:
            self.size = 0
            with contextlib.suppress(OSError):
                self._file.truncate(0)
        return data

    def close(self) -> None:
        """Give the disk space back."""
        if self._file is not None:
            self._file.close()
