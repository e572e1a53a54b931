"""Moves a file to a name that is free, on this file system or to another; again after a kill."""

import errno
import filecmp
import os
import shutil
import stat
from pathlib import Path
from typing import NamedTuple

from batchcls.results.storage import PosixStorage
from batchcls.sources.directory import sync_directory


class Seen(NamedTuple):
    """What tells whether a file is still the one that was seen: its length and its time."""

    size: int
    mtime_ns: int


def seen(path: Path, *, through_links: bool = False) -> Seen | None:
    """What a plain file is now; None where there is none, or something else."""
    try:
        found = path.stat(follow_symlinks=through_links)
    except OSError:
        return None
    return Seen(found.st_size, found.st_mtime_ns) if stat.S_ISREG(found.st_mode) else None


def move(source: Path, target: Path, aside: Path) -> str:
    """Move a file; why that cannot be, or nothing.

    Where source and target are both there and equal, a move to another file system was killed
    before its end, and the source goes.

    Args:
        aside: a name on the target's file system for a copy that is not whole; it is overwritten.
    """
    if not os.path.lexists(target):
        try:
            PosixStorage().rename_new(source, target)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            copy(source, aside)
            if not filecmp.cmp(source, aside, shallow=False):
                return "the copy differs; check the disk"
            PosixStorage().rename_new(aside, target)
        else:
            return ""
    elif target.is_symlink() or not filecmp.cmp(source, target, shallow=False):
        return f"{target} exists"
    sync_directory(target.parent)
    source.unlink()
    return ""


def copy(source: Path, target: Path) -> None:
    """Copy a file with its mode and times, and sync it; `target` is replaced."""
    target.unlink(missing_ok=True)
    with source.open("rb") as old, target.open("xb") as new:
        shutil.copyfileobj(old, new, 1 << 20)
        new.flush()
        shutil.copystat(source, target)
        os.fsync(new.fileno())
