"""Byte strings in byte order, more than fit in memory: sorted runs on disk, merged.

By hand: sort(1) would be a process for every directory, and its order is the locale's.

Rules of this file:

1. What goes in contains no NUL; what comes out is every string that went in, in byte order.
2. At most `RUN_BYTES` of strings are in memory; the rest are runs in unnamed temporary files,
   so that a crash leaves nothing behind.
3. At most `MAX_RUNS` runs are open at once; then they are merged into one.
"""

import heapq
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from batchcls.sources.nul_ended import read_names, write_names

RUN_BYTES = 16 << 20
MAX_RUNS = 128
OBJECT_OVERHEAD = 41  # of a bytes object and its place in a list, CPython on 64 bits


class SortedSpill:
    """Collects byte strings, gives them back sorted.

    Args:
        folder: where runs go when the strings outgrow memory.
        run_bytes: how much memory a run may fill before it is written.
    """

    def __init__(self, folder: Path, run_bytes: int = RUN_BYTES) -> None:
        self._folder = folder
        self._run_bytes = run_bytes
        self._pending: list[bytes] = []
        self._size = 0
        self._runs: list[IO[bytes]] = []

    def add(self, name: bytes) -> None:
        """Take one string."""
        self._pending.append(name)
        self._size += len(name) + OBJECT_OVERHEAD
        if self._size >= self._run_bytes:
            self._write_run(iter(self._take_pending()))
            if len(self._runs) >= MAX_RUNS:
                merged = heapq.merge(*map(_strings, self._runs))
                runs, self._runs = self._runs, []
                self._write_run(merged)
                for run in runs:
                    run.close()

    def extend(self, names: Iterable[bytes]) -> None:
        """Take several."""
        for name in names:
            self.add(name)

    def __iter__(self) -> Iterator[bytes]:
        """Every string, in byte order; to be gone through once."""
        pending = self._take_pending()
        if not self._runs:
            return iter(pending)
        return heapq.merge(pending, *map(_strings, self._runs))

    def close(self) -> None:
        """Give the runs' disk space back."""
        for run in self._runs:
            run.close()
        self._runs = []

    def _take_pending(self) -> list[bytes]:
        pending, self._pending, self._size = self._pending, [], 0
        pending.sort()
        return pending

    def _write_run(self, names: Iterator[bytes]) -> None:
        run: IO[bytes] = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115 - closed by close
        write_names(run, names)
        self._runs.append(run)


def _strings(run: IO[bytes]) -> Iterator[bytes]:
    run.seek(0)
    return read_names(run)
