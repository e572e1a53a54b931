"""Decides whether results begin, resume, are complete, or are refused.

Every step can be done again after a crash in the middle of it, and where nothing is to be mended
nothing is written.

States, by what is there of mark, part and final file::

    mark none or of another run, part none or empty    new: mark first, then the part
    mark none or of another run, part with lines       refused: results of another run
    mark open, part                                    resume behind the last good line
    mark open, no part                                 refused, unless the mark counts no line
    mark cut, part                                     cut behind the mark, resume
    mark complete, part                                verify and rename
    mark complete, no part, final as marked            finished
    mark complete, no part, final missing or changed   refused (`recovery.require_finished`)
"""

import contextlib
from dataclasses import dataclass
from pathlib import Path

from batchcls.errors import RefusedError
from batchcls.results import mark as marks
from batchcls.results.mark import Mark, MarkFile
from batchcls.results.recovery import (
    Fits,
    Identity,
    Prefix,
    extend,
    require_finished,
    require_marked,
)
from batchcls.results.rundir import RunPaths
from batchcls.results.storage import CREATE, READ_WRITE, Storage, blocks


@dataclass(slots=True)
class Opened:
    """Results, ready to be resumed.

    Attributes:
        safe: what is right and on the disk.
        marks: the commit file.
        part: descriptor of the part; -1 if there is none any more.
        dropped: bytes behind the last good line, which are gone now.
        finished: the final file is in place.
    """

    safe: Prefix
    marks: MarkFile
    part: int = -1
    dropped: int = 0
    finished: bool = False


def taken_message(path: Path) -> str:
    """The message for a final name that is taken by a file of another run, or of no run."""
    return f"{path} exists and is not from this run; move it away, or choose another `--output`"


def open_results(
    paths: RunPaths,
    storage: Storage,
    expected: int,
    run: str,
    replaces: Identity | None,
    fits: Fits,
    first: int = 0,
) -> Opened:
    """See `Journal.open`.

    Raises:
        RefusedError: damaged, or of another job.
        OSError: as it comes.
    """
    part, final = storage.stat(paths.part), storage.stat(paths.results)
    mark, slot = _mark(paths, storage, run, part.size if part else 0)
    _require_plausible(paths, mark, expected)
    if part is None and mark.state == "complete":
        require_finished(storage, paths.results, mark, first=first)
        storage.fsync_dir(paths.results.parent)
        return Opened(Prefix.of(mark, first), MarkFile(storage, -1, mark, slot), finished=True)
    if part is None and mark.size:
        raise RefusedError(
            f"{paths.part} is missing, but {mark.count:,} lines of it were on the disk; "
            "restore it, or start over with `--fresh`"
        )
    if final is not None and (replaces is None or final.size != replaces.size):
        raise RefusedError(taken_message(paths.results))
    with contextlib.ExitStack() as undo:
        commit_fd = storage.open(paths.commit, READ_WRITE)
        undo.callback(_close, storage, commit_fd)
        part_fd = storage.open(paths.part, CREATE)
        undo.callback(_close, storage, part_fd)
        found = Opened(Prefix.of(mark, first), MarkFile(storage, commit_fd, mark, slot), part_fd)
        _drop_tail(found, paths.part, storage, expected, fits)
        # Names made just before a crash need not be on the disk yet.
        storage.fsync_dir(paths.directory)
        storage.fsync_dir(paths.results.parent)
        undo.pop_all()
    return found


def _mark(paths: RunPaths, storage: Storage, run: str, part_size: int) -> tuple[Mark, int]:
    """The run's mark and its slot; new ones where there are no results yet."""
    found = marks.read(storage, paths.commit)
    if found is not None and found[0].run == run:
        return found
    if part_size:
        raise RefusedError(
            f"{paths.part} holds results of another run; move it away, choose another `--output`, "
            "or start over with `--fresh`"
        )
    return marks.create(storage, paths.commit, run)


def _require_plausible(paths: RunPaths, mark: Mark, expected: int) -> None:
    if mark.count > expected or (mark.state == "complete" and mark.count != expected):
        raise RefusedError(
            f"{paths.commit} counts {mark.count:,} lines, but the manifest {expected:,} images, so "
            "they belong to different runs; start over with `--fresh`"
        )


def _drop_tail(found: Opened, path: Path, storage: Storage, expected: int, fits: Fits) -> None:
    """Keep what is right behind the mark, cut the rest off, and mark it."""
    mark, safe = found.marks.mark, found.safe
    if not storage.fstat(found.part).regular:
        raise RefusedError(f"{path} is not a regular file; choose another `--output`")
    require_marked(storage, found.part, path, mark, fits, safe.first)
    size = storage.fstat(found.part).size
    if mark.state != "cut":  # else somebody took back what is there, and was stopped on the way
        extend(safe, blocks(storage, found.part, mark.size), expected, fits)
    found.dropped = size - safe.size
    if size == mark.size:
        return
    if found.dropped:
        storage.ftruncate(found.part, safe.size)
    storage.fsync(found.part)
    if safe.size > mark.size:
        found.marks.put(safe.mark("open"))


def _close(storage: Storage, fd: int) -> None:
    with contextlib.suppress(OSError):
        storage.close(fd)
