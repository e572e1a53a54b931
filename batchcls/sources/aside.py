"""Writes a file under a temporary name, and puts it in place whole."""

import hashlib
import os
from pathlib import Path
from typing import IO

from batchcls.sources.directory import sync_directory
from batchcls.sources.nul_ended import BLOCK


class Aside:
    """A file under a temporary name, until it is put in place."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.temporary = path.with_name(path.name + ".tmp")
        self._file: IO[bytes] = self.temporary.open("w+b", buffering=0)
        self._hash = hashlib.sha256()

    def write(self, block: bytes) -> None:
        """Append bytes."""
        data = memoryview(block)
        self._hash.update(data)
        while data:
            data = data[self._file.write(data) :]

    def copy(self, path: Path) -> None:
        """Write what stands there; as secret as it is."""
        with path.open("rb") as file:
            if not os.fstat(file.fileno()).st_mode & 0o077:
                self.hide()
            while block := file.read(16 * BLOCK):
                self.write(block)

    def hide(self) -> None:
        """Let nobody else read it."""
        os.fchmod(self._file.fileno(), 0o600)

    def commit(self) -> str:
        """Sync it, put it in place, and return its SHA-256."""
        os.fsync(self._file.fileno())
        self._file.close()
        self.temporary.replace(self.path)
        sync_directory(self.path.parent)
        return self._hash.hexdigest()

    def discard(self) -> None:
        """Remove it, unless it was put in place."""
        if not self._file.closed:
            self._file.close()
            self.temporary.unlink(missing_ok=True)
