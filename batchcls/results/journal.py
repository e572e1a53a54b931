"""The only writer of results: appends lines in order, commits them, recovers them, finishes.

Rules of this file:

1. Line k is the record of image k; in a shard, of the k-th image of its part. The file is a correct
   prefix of the final answer at any moment; what a crash leaves behind that prefix is dropped when
   the run is resumed.
2. Commit: write, fdatasync, and only then the commit mark. So the mark never speaks of bytes that
   a power loss could take, whether or not the mark itself was synced (see `mark`).
3. Damage before the mark is refused, with its place. It is never repaired, never skipped.
4. After a failed write or sync nothing is tried again, least of all the sync: the kernel may have
   dropped the pages and would report success. The file is cut back to the last commit, whose bytes
   are known to be on the disk, and the run stops.
5. Lines that turn out wrong are taken back by the mark first, then in the file (`take_back`).
6. Before each commit the part must still be the file we opened, of the length we gave it.
7. The final name appears by rename, after the whole part was read back and synced, and after a mark
   that says "complete" was synced. It replaces no file but the one that the manifest names.
8. Every step of `open` and `finish` can be done again after a crash in the middle of it.
9. The caller holds the lock (`lock`).

What is there when it is opened, and what becomes of it: see `opening`.
"""

import contextlib
import zlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import NoReturn, Self

from batchcls.errors import BatchclsError, RefusedError
from batchcls.results import final_name, record
from batchcls.results.disk_errors import explain, guard
from batchcls.results.in_place import require_in_place
from batchcls.results.mark import State
from batchcls.results.opening import Opened, open_results
from batchcls.results.recovery import Fits, Identity, Prefix, any_record, beginning, identify
from batchcls.results.rundir import RunPaths
from batchcls.results.storage import Storage, write_all

EVERY_RECORDS = 1000
EVERY_SECONDS = 1.0
MOST_PENDING = 4 << 20
"""Bytes of lines that are held in memory before they are committed."""


class Journal:
    """The results file of a run while it is written; made by `Journal.open`.

    Attributes:
        dropped: bytes that a crash had left behind the last good line, and that were cut off.
        finished: the final file is in place, and nothing can be appended.
        before_commit: syncs what lines stand for; raises a `BatchclsError`.
    """

    def __init__(
        self,
        paths: RunPaths,
        storage: Storage,
        expected_count: int,
        replaces: Identity | None,
        opened: Opened,
    ) -> None:
        self.dropped = opened.dropped
        self.finished = opened.finished
        self.before_commit: Callable[[], None] = lambda: None
        self.every_records, self.every_seconds = EVERY_RECORDS, EVERY_SECONDS
        self._paths = paths
        self._storage = storage
        self._expected = expected_count
        self._replaces = replaces
        self._part = opened.part
        self._marks = opened.marks
        self._safe = opened.safe  # what is on the disk
        self._pending: list[bytes] = []
        self._pending_size = 0
        self._pending_failed: Counter[str] = Counter()
        self._pending_since = self._now = 0.0
        self._committed = False
        self._broken: BatchclsError | None = None

    @classmethod
    def open(
        cls,
        paths: RunPaths,
        storage: Storage,
        expected_count: int,
        run: str,
        *,
        replaces: Identity | None = None,
        fits: Fits = any_record,
        first: int = 0,
    ) -> Self:
        """Begin the results of a run, or resume them.

        Args:
            expected_count: lines of the whole file.
            replaces: the finished file of the generation before, which this one may replace.
            fits: what a line that no mark vouches for must be, besides a record.
            first: index of the first line; not 0 in a shard.

        Raises:
            RefusedError: the results are damaged or of another run, or the path is not writable.
            StoppedError: the disk is full or fails.
        """
        with guard(paths.part):
            found = open_results(paths, storage, expected_count, run, replaces, fits, first)
        return cls(paths, storage, expected_count, replaces, found)

    @property
    def count(self) -> int:
        """Lines so far."""
        return self._safe.count + len(self._pending)

    @property
    def next(self) -> int:
        """Index of the next line."""
        return self._safe.first + self.count

    @property
    def failed(self) -> Mapping[str, int]:
        """Lines with an error so far, by kind."""
        return self._safe.failed + self._pending_failed

    @property
    def identity(self) -> Identity:
        """What is on the disk; of a complete file, what the next generation may replace."""
        return self._safe.identity

    def expect(self, count: int) -> None:
        """The whole file is to have more lines. A mark that calls it complete goes, durably."""
        if self._marks.mark.state == "complete":
            with guard(self._paths.commit):
                self._marks.put(self._safe.mark("open"))
                self._storage.fdatasync(self._marks.fd)
        self._expected = count

    def append(self, first: int, lines: Sequence[bytes]) -> None:
        """Add records; they are safe after the next commit.

        Args:
            first: index of the first one, which must be `next`.
            lines: without newlines, checked by `record.check` before.

        Raises:
            ValueError: these are not the next lines.
            StoppedError: a commit was due and failed.
        """
        self._require_usable()
        if first != self.next or self.count + len(lines) > self._expected:
            raise ValueError(f"lines from {first} on do not belong after {self.count} lines")
        for index, line in enumerate(lines, first):
            if not line.startswith(b'{"i":%d,' % index) or line[-1:] != b"}" or b"\n" in line:
                raise ValueError(f"not the record of image {index}: {line[:80]!r}")
        if not self._pending:
            self._pending_since = self._now
        self._pending += lines
        self._pending_size += sum(map(len, lines)) + len(lines)
        self._pending_failed.update(kind for kind in map(record.failed_kind, lines) if kind)
        if len(self._pending) >= self.every_records or self._pending_size >= MOST_PENDING:
            self.commit()

    def tick(self, now: float) -> None:
        """Commit if it is time at monotonic second `now`; to be called several times a second.

        The first lines of a session are committed at once: somebody may be waiting to see them.

        Raises:
            StoppedError: the disk is full or fails.
        """
        self._now = now
        due = now - self._pending_since >= self.every_seconds or not self._committed
        if self._pending and due:
            self.commit()

    def commit(self) -> None:
        """Bring all appended lines safely to the disk.

        Raises:
            StoppedError: the disk is full or fails, or the file was moved away or appended to; it
                ends with a whole line.
            RefusedError: somebody replaced the file, or cut it.
        """
        if not self._pending and self._broken is None:
            return
        self._require_usable()
        data = b"\n".join([*self._pending, b""])
        self._require_in_place()
        try:
            write_all(self._storage, self._part, data, self._safe.size)
            self._storage.fdatasync(self._part)
        except OSError as error:
            self._stop(error, cut=True)
        self._safe = Prefix(
            self._safe.size + len(data),
            self.count,
            zlib.crc32(data, self._safe.crc32),
            self._safe.failed + self._pending_failed,
            self._safe.first,
        )
        self._pending, self._pending_size, self._pending_failed = [], 0, Counter()
        self._put_mark("open")
        self._committed = True

    def take_back(self, count: int) -> None:
        """Keep only the first `count` lines: those behind them are not to be trusted.

        The mark says so first, and is synced. So whatever a crash leaves of the lines behind it,
        nobody takes them for ones whose mark was only late.

        Raises:
            StoppedError: the disk fails.
        """
        self._pending, self._pending_size, self._pending_failed = [], 0, Counter()
        self._require_usable()
        if count >= self._safe.count:
            return
        self._require_in_place()
        try:
            self._safe = beginning(self._storage, self._part, count, self._safe.first)
            self._put_mark("cut")
            self._storage.fdatasync(self._marks.fd)
            self._storage.ftruncate(self._part, self._safe.size)
            self._storage.fsync(self._part)
        except OSError as error:
            self._stop(error)

    def finish(self) -> None:
        """Check that everything is there and right, and give the file its final name.

        Raises:
            RefusedError: the part is damaged, or the final name is taken.
            StoppedError: the disk fails.
            ValueError: lines are missing.
        """
        if self.finished:
            return
        self._require_usable()
        self.commit()
        if self.count != self._expected:
            raise ValueError(f"{self.count} lines of {self._expected}")
        self._require_in_place()
        try:
            if identify(self._storage, self._part) != self.identity:
                raise RefusedError(
                    f"{self._paths.part} does not hold what was written to it; check the disk"
                )
            self._storage.fsync(self._part)
            if self._marks.mark.state != "complete":
                self._put_mark("complete", self._storage.fstat(self._part).mtime_ns)
            self._storage.fdatasync(self._marks.fd)
            final_name.give(self._storage, self._paths, self._replaces)
        except OSError as error:
            self._stop(error)
        except BatchclsError as error:
            self._broken = error
            raise
        self.finished = True
        self.close()

    def close(self) -> None:
        """Close the files; what is not committed is forgotten."""
        fds, self._part, self._marks.fd = (self._part, self._marks.fd), -1, -1
        for fd in fds:
            if fd >= 0:
                with contextlib.suppress(OSError):
                    self._storage.close(fd)

    # ---- writing

    def _put_mark(self, state: State, mtime_ns: int = 0) -> None:
        try:
            self._marks.put(self._safe.mark(state, mtime_ns))
        except OSError as error:
            self._stop(error)

    def _require_in_place(self) -> None:
        try:
            self.before_commit()
            require_in_place(
                self._storage, self._paths, self._part, self._marks.fd, self._safe.size
            )
        except OSError as error:
            self._stop(error)
        except BatchclsError as error:
            self._broken = error
            raise

    def _require_usable(self) -> None:
        if self._broken is not None:
            raise self._broken
        if self._part < 0:
            raise ValueError("the journal is closed")

    def _stop(self, error: OSError, *, cut: bool = False) -> NoReturn:
        if cut:
            # The last commit is on the disk for certain; of anything behind it we know nothing.
            with contextlib.suppress(OSError):
                self._storage.ftruncate(self._part, self._safe.size)
        self._broken = explain(error, self._paths.part, f" at line {self._safe.count + 1}")
        raise self._broken from error
