"""Keeps corrections: appended and synced one by one, so that none is lost whatever ends the review.

Rules of this file:

1. A correction is a line. It is on the disk before anybody is told that it is kept.
2. A last line without its end is what a crash left: it is taken away before anything is appended.
3. The first line says of which results they are; those of others are refused.
4. One review at a time: the file is locked until its process ends.
"""

import fcntl
import hashlib
import json
import os
import time
from pathlib import Path
from typing import Any

from batchcls.errors import RefusedError, UsageError
from batchcls.report import corrections
from batchcls.report.pictures import manifest_of
from batchcls.report.rows import shown
from batchcls.results.record import ParsedRecord

_BLOCK = 1 << 16


class Kept:
    """The corrections of some results.

    Args:
        path: of their file; it need not be there.
        of: what tells these results from others; see `identity`.

    Raises:
        UsageError: it cannot be written, or another review has it.
        RefusedError: it is of other results, or damaged.
    """

    def __init__(self, path: Path, of: str) -> None:
        self.path = path
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise UsageError(f"cannot write {path}: {error.strerror}") from error
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._heal()
            self._begin(of)
            self.said: dict[int, str] = {
                index: one.label for index, one in corrections.read(path).items()
            }
        except BlockingIOError as error:
            os.close(self._fd)
            raise UsageError(f"another review is at work on {path}") from error
        except BaseException:
            os.close(self._fd)
            raise

    def say(self, record: ParsedRecord, label: str | None) -> None:
        """Keep what a person says of an image.

        Args:
            label: what it shows; "" = another class than the answer, which is not known; None
                takes back what was said.

        Raises:
            OSError: the disk is full or fails; it is not kept then.
        """
        self._append(
            {
                "i": record.index,
                "path": shown(record.path),
                "label": label,
                "was": record.top[0].label if record.top else "",
                "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            }
        )
        if label is None:
            self.said.pop(record.index, None)
        else:
            self.said[record.index] = label

    def close(self) -> None:
        """Let others have the file."""
        os.close(self._fd)

    def _append(self, entry: dict[str, Any]) -> None:
        size = os.fstat(self._fd).st_size
        line = json.dumps(entry, separators=(",", ":")).encode() + b"\n"
        try:
            if os.write(self._fd, line) != len(line):
                raise OSError(28, "No space left on device")
            os.fsync(self._fd)
        except OSError:
            os.ftruncate(self._fd, size)
            raise

    def _heal(self) -> None:
        """Take away a last line that was not written to its end."""
        size = end = os.fstat(self._fd).st_size
        while end:
            start = max(0, end - _BLOCK)
            at = os.pread(self._fd, end - start, start).rfind(b"\n")
            if at >= 0:
                end = start + at + 1
                break
            end = start
        if end != size:
            os.ftruncate(self._fd, end)

    def _begin(self, of: str) -> None:
        if not os.fstat(self._fd).st_size:
            self._append({"of": of})
            directory = os.open(self.path.parent, os.O_RDONLY)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)
            return
        found = corrections.results_of(self.path)
        if found is not None and found != of:
            raise RefusedError(
                f"{self.path} has corrections of other results (another model, other options or "
                "other images); move it away to review these"
            )


def identity(results: Path) -> str:
    """What tells results from those of another job: a hash of the fingerprint.

    Without the job's directory, of the first line, which stays while results grow.
    """
    manifest, _ = manifest_of(results)
    if manifest is not None:
        told = json.dumps(dict(manifest.fingerprint), sort_keys=True)
    else:
        with results.open("rb") as file:
            told = file.readline().hex()
    return hashlib.sha256(told.encode()).hexdigest()
