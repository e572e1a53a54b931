"""Decides what an error of the file system means for a run, and puts it into words.

A full or failing disk stops the run, and the same command resumes it (`StoppedError`). A path that
cannot be used at all is for the user to change (`RefusedError`).
"""

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from batchcls.errors import RefusedError, StoppedError

_FULL = {
    errno.ENOSPC: "disk full",
    errno.EDQUOT: "disk quota exceeded",
}
_LIMITS = {
    errno.EFBIG: "raise the limit of file sizes (`ulimit -f`)",
    errno.EMFILE: "raise the limit of open files (`ulimit -n`)",
    errno.ENFILE: "raise the system's limit of open files (`sysctl fs.file-max`)",
}
_WRONG_PLACE = frozenset(
    {
        errno.EACCES,
        errno.EPERM,
        errno.EROFS,
        errno.ENOENT,
        errno.ENOTDIR,
        errno.EISDIR,
        errno.ELOOP,
        errno.ENAMETOOLONG,
        errno.EEXIST,
    }
)


@contextlib.contextmanager
def guard(path: Path, where: str = "") -> Iterator[None]:
    """Turn an `OSError` of the block into an error with a message for the user.

    Args:
        where: " after line 120", for the message.

    Raises:
        StoppedError: the disk is full or fails; what is written is right.
        RefusedError: the path does not exist, is not writable, or is no file.
    """
    try:
        yield
    except OSError as error:
        raise explain(error, path, where) from error


def _without_inodes(path: Path) -> bool:
    """Whether it is files that are too many there, and not bytes."""
    for folder in path.parents:
        try:
            found = os.statvfs(folder)
        except OSError:
            continue
        return found.f_bavail > 0 and found.f_files > 0 and found.f_favail == 0
    return False


def explain(error: OSError, path: Path, where: str = "") -> StoppedError | RefusedError:
    """The error to raise instead of an `OSError`; see `guard`."""
    reason = error.strerror or str(error)
    if error.errno == errno.ENOSPC and _without_inodes(path):
        return StoppedError(
            f"{path}: the file system has room for no further file{where}; remove some, however "
            "small, then run the same command again"
        )
    if error.errno in _FULL:
        return StoppedError(
            f"{path}: {_FULL[error.errno]}{where}; free some space, then run the same command again"
        )
    if error.errno in _LIMITS:
        return StoppedError(
            f"{path}: {reason}{where}; {_LIMITS[error.errno]}, then run the same command again"
        )
    # Between two lines it was the right place: a disk that was mounted read-only, say.
    if error.errno in _WRONG_PLACE and not where:
        if error.errno == errno.ENOENT and not path.parent.exists():
            return RefusedError(
                f"{path}: there is no directory {path.parent}; create it, or choose another "
                "`--output`"
            )
        return RefusedError(
            f"{path}: {reason}; check the path and its permissions, or choose another `--output`"
        )
    return StoppedError(
        f"{path}: {reason}{where}, but what is written is safe; check the disk, then run the same "
        "command again"
    )
