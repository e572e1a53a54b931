"""Reads a finished results file back, line by line, for a new generation to take lines over.

Rules of this file:

1. Constant memory, whatever the length.
2. A line is handed out only if it is a record of its own place; anything else is damage.
"""

from collections.abc import Generator
from pathlib import Path

from batchcls.errors import RefusedError
from batchcls.messages import Answer
from batchcls.results import record
from batchcls.results.disk_errors import guard
from batchcls.results.recovery import Identity, identify, lines
from batchcls.results.storage import Storage, blocks, opened


def answers(
    storage: Storage,
    path: Path,
    *,
    start: int = 0,
    expected: Identity | None = None,
    first: int = 0,
) -> Generator[Answer, None, None]:
    """Every line of a finished results file, in order.

    The file is open until the last line, or until the generator is closed.

    Args:
        start: index of the first line to give.
        expected: what the file must be as a whole (`Manifest.replaces`); checked before the first
            line is given. None trusts it.
        first: index of the file's first line; not 0 in a shard.

    Raises:
        RefusedError: it is missing, damaged, or another file than expected.
        StoppedError: the disk fails.
    """
    with guard(path), opened(storage, path) as fd:
        if expected is not None and identify(storage, fd) != expected:
            raise RefusedError(
                f"{path} has changed since the new results were started from it; restore it, or "
                "start over with `--fresh`"
            )
        offset = 0
        for index, (line, whole) in enumerate(lines(blocks(storage, fd, 0)), first):
            checked = record.check(line, index) if whole and index >= start else None
            if checked is not None:
                yield Answer(index, line, checked.failed, checked.label)
            elif index >= start or not whole:
                raise RefusedError(
                    f"{path} is damaged: line {index - first + 1:,}, at byte {offset:,}, is not "
                    f"that of image {index}; restore it from a copy, or start over with `--fresh`"
                )
            offset += len(line) + 1
