"""The file of features beside the results: row k is what image k is to the model, as float16.

Rules of this file:

1. It is a `.npy`, (images, features), whose rows stand in the order of the list. A shard has the
   rows of all images too, and writes its own: those of others are holes that take no room.
2. The results decide what is there: a row without a line counts for nothing, and is written again.
   Workers write the row of an image before they answer; all rows are synced before the lines of
   their images are (`Journal.before_commit`). So no line on the disk is without its row.
3. The row of a failed image is NaN. The coordinator writes it: a worker that died cannot.
4. It gets its final name after the results have theirs; a crash between the two is made good by
   whoever comes next (`settle`).
"""

import os
from pathlib import Path
from typing import Self

from batchcls.errors import RefusedError
from batchcls.results.disk_errors import guard
from batchcls.results.journal import Journal
from batchcls.results.manifest import FEATURES, Manifest
from batchcls.results.rundir import RunPaths
from batchcls.results.storage import (
    CREATE,
    READ_WRITE,
    Storage,
    blocks,
    opened,
    write_all,
)

HEAD = 128
"""Bytes before the first row."""

NUMBER = 2
"""Bytes of a float16."""

NAN = b"\x00\x7e"
"""The first number, and all others, in the row of a failed image."""


def head(images: int, size: int) -> bytes:
    """How the file begins: version 1.0 of NumPy's format."""
    shape = f"{{'descr': '<f2', 'fortran_order': False, 'shape': ({images}, {size}), }}"
    text = shape.encode().ljust(HEAD - 11) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


def place(index: int, size: int) -> int:
    """Where the row of an image begins, in bytes."""
    return HEAD + index * size * NUMBER


class Embeddings:
    """The file while a run writes it.

    Args:
        fd: of the file, which has its whole length.
        size: numbers for an image.
    """

    def __init__(self, paths: RunPaths, storage: Storage, fd: int, size: int) -> None:
        self._paths = paths
        self._storage = storage
        self._fd = fd
        self._row = NAN * size

    @classmethod
    def open(
        cls, paths: RunPaths, storage: Storage, images: int, size: int, *, begun: bool
    ) -> Self:
        """Begin the file, or go on with it.

        Args:
            images: of the list.
            begun: the results have lines already, and so the file has rows.

        Raises:
            RefusedError: rows that were safe are missing, or the file cannot be written.
            StoppedError: the disk is full or fails.
        """
        part, first = paths.embeddings_part, head(images, size)
        with guard(part):
            found = storage.stat(part)
            if begun and (found is None or found.size != place(images, size)):
                raise RefusedError(
                    f"{part} is missing or has another length, and {paths.part} has lines; restore "
                    "it, or start over with `--fresh`"
                )
            fd = storage.open(part, READ_WRITE if begun else CREATE | os.O_TRUNC)
            if not begun:
                write_all(storage, fd, first, 0)
                storage.ftruncate(fd, place(images, size))
                storage.fsync(fd)
                storage.fsync_dir(part.parent)
        return cls(paths, storage, fd, size)

    def blank(self, index: int) -> None:
        """Make the row of a failed image NaN.

        Raises:
            StoppedError: the disk is full or fails.
        """
        with guard(self._paths.embeddings_part):
            write_all(self._storage, self._fd, self._row, place(index, len(self._row) // NUMBER))

    def take(self, source: Path, images: int, lines: range) -> None:
        """Take the rows of these images from another such file of the same list.

        Raises:
            RefusedError: it is not there, or of another length.
            StoppedError: the disk is full or fails.
        """
        size = len(self._row) // NUMBER
        with guard(source), opened(self._storage, source) as fd:
            if self._storage.fstat(fd).size != place(images, size):
                raise RefusedError(f"{source} is not the file that the run wrote; restore it")
            at = place(lines.start, size)
            for block in blocks(self._storage, fd, at, place(lines.stop, size)):
                write_all(self._storage, self._fd, block, at)
                at += len(block)

    def sync(self) -> None:
        """Bring all rows that were written so far safely to the disk, whoever wrote them.

        Raises:
            StoppedError: the disk is full or fails.
        """
        with guard(self._paths.embeddings_part):
            self._storage.fdatasync(self._fd)

    def close(self) -> None:
        """Close the file."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            self._storage.close(fd)


def opened_for(
    paths: RunPaths, storage: Storage, manifest: Manifest, journal: Journal
) -> Embeddings | None:
    """The file of a run, ready for rows; None where there is to be none, or it is whole.

    Args:
        journal: syncs the rows before it commits lines.

    Raises:
        RefusedError: rows that were safe are missing, or the file cannot be written.
        StoppedError: the disk is full or fails.
    """
    if FEATURES not in manifest.fingerprint or journal.finished:
        return None
    _, size = manifest.fingerprint[FEATURES]
    begun = journal.count > 0
    rows = Embeddings.open(paths, storage, manifest.count, size, begun=begun)
    if manifest.carry and not begun:
        with guard(paths.embeddings), opened(storage, paths.embeddings) as fd:
            images = (storage.fstat(fd).size - HEAD) // (size * NUMBER)
        rows.take(paths.embeddings, images, range(min(images, manifest.count)))
        rows.sync()
    journal.before_commit = rows.sync
    return rows


def require_free(
    paths: RunPaths, storage: Storage, manifest: Manifest, before: Manifest | None
) -> None:
    """Refuse to write over a file that no run of this output has made.

    Args:
        manifest: of the generation that is to begin.
        before: of the one before, if there is one.

    Raises:
        RefusedError: it is somebody's.
    """
    ours = before is not None and FEATURES in before.fingerprint
    if ours or FEATURES not in manifest.fingerprint:
        return
    for path in (paths.embeddings, paths.embeddings_part):
        if storage.stat(path) is not None:
            raise RefusedError(f"{path} exists; move it away, or choose another `--output`")


def settle(paths: RunPaths, storage: Storage) -> None:
    """Give the file its final name, if it has not got it; the results are complete.

    Raises:
        RefusedError: it is gone.
        StoppedError: the disk fails.
    """
    with guard(paths.embeddings):
        if storage.stat(paths.embeddings_part) is not None:
            storage.rename(paths.embeddings_part, paths.embeddings)
            storage.fsync_dir(paths.embeddings.parent)
        elif storage.stat(paths.embeddings) is None:
            raise RefusedError(
                f"{paths.embeddings} is missing; restore it, or write it again with `--fresh`"
            )
