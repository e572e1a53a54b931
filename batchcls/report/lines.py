"""Opens a results file once, and reads it as far as it went then, whatever becomes of it.

Results that grow are renamed when their run is complete, and a line that is half written has its
other half a moment later: each pass over an open file sees the same lines all the same.
"""

import io
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Self

from batchcls.errors import RefusedError, UsageError
from batchcls.results.record import ParsedRecord, RecordError, parse

_BLOCK = 1 << 17
TELL = 1 << 20
"""Bytes after which the one who waits is told."""


def untold(done: int) -> None:
    """Nobody waits."""


def results_file(path: str) -> tuple[Path, bool]:
    """The results file that `path` means, and whether it is complete.

    Raises:
        UsageError: there is none.
    """
    results = Path(path)
    part = Path(path + ".part")
    if results.is_file():
        return results, results.suffix != ".part"
    if part.is_file():
        return part, False
    raise UsageError(f"no results at {path}; name the results file of a run")


def parsed(path: Path, number: int, line: bytes) -> ParsedRecord:
    """A line of a results file, read.

    Raises:
        RefusedError: it is no record.
    """
    try:
        return parse(line)
    except RecordError as error:
        raise RefusedError(
            f"{path}, line {number}: {error}; `batchcls verify` says more"
        ) from error


class ResultsFile:
    """An open results file; several threads may read it at once.

    Attributes:
        path: its name when it was found.
        complete: it was the finished one.
        size: bytes that it had; what is written later is not read.
    """

    def __init__(self, path: Path, descriptor: int, *, complete: bool) -> None:
        self.path, self.complete = path, complete
        self.size = os.fstat(descriptor).st_size
        self._descriptor = descriptor

    def __del__(self) -> None:
        os.close(self._descriptor)

    @classmethod
    def find(cls, name: str) -> Self:
        """The results that a user names.

        Raises:
            UsageError: there are none, or they cannot be read.
        """
        while True:
            path, complete = results_file(name)
            with suppress(FileNotFoundError):  # renamed since: look again
                try:
                    return cls(path, os.open(path, os.O_RDONLY | os.O_CLOEXEC), complete=complete)
                except PermissionError as error:
                    raise _unreadable(path, error) from error

    def open(self, start: int = 0) -> io.BufferedReader:
        """The bytes from `start` on."""
        return io.BufferedReader(_Bytes(self, start), _BLOCK)

    def read(self, size: int, offset: int) -> bytes:
        """At most `size` bytes; empty at the end.

        Raises:
            UsageError: they cannot be read.
        """
        try:
            return os.pread(self._descriptor, max(0, min(size, self.size - offset)), offset)
        except OSError as error:
            raise _unreadable(self.path, error) from error

    def lines(self, passed: Callable[[int], object] = untold) -> Iterator[tuple[int, bytes]]:
        """Where each whole line begins, and the line without its newline.

        Args:
            passed: told, now and then, how many bytes were read since it was told last.

        Raises:
            RefusedError: finished results end within a line.
        """
        offset = told = 0
        for line in self.open():
            if not line.endswith(b"\n"):
                break
            yield offset, line[:-1]
            offset += len(line)
            if offset - told > TELL:
                passed(offset - told)
                told = offset
        passed(offset - told)
        if self.complete and offset < self.size:
            raise RefusedError(
                f"{self.path} does not end with a whole line; `batchcls verify` says more"
            )

    def records(self, passed: Callable[[int], object] = untold) -> Iterator[ParsedRecord]:
        """Each line, read; see `lines`.

        Raises:
            RefusedError: a line is no record.
        """
        for number, (_, line) in enumerate(self.lines(passed), 1):
            yield parsed(self.path, number, line)

    def record(self, offset: int, after: int = 0) -> ParsedRecord:
        """The record whose line begins at `offset`, or so many lines after it.

        Raises:
            RefusedError: it is no record.
        """
        line = next(islice(self.open(offset), after, None), b"")
        try:
            return parse(line.removesuffix(b"\n"))
        except RecordError as error:
            raise RefusedError(
                f"{self.path}, byte {offset:,}: {error}; `batchcls verify` says more"
            ) from error


class _Bytes(io.RawIOBase):
    """What `io.BufferedReader` reads lines from."""

    def __init__(self, file: ResultsFile, at: int) -> None:
        self._file, self._at = file, at

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # what C hands over
        data = self._file.read(len(buffer), self._at)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)


def _unreadable(path: Path, error: OSError) -> UsageError:
    return UsageError(f"{path}: {error.strerror or error}")
