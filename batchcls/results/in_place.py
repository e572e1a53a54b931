"""Decides whether the names of a run's files still lead to the files that it has open."""

from batchcls.errors import RefusedError, StoppedError
from batchcls.results.rundir import RunPaths
from batchcls.results.storage import Storage


def require_in_place(storage: Storage, paths: RunPaths, part: int, commit: int, size: int) -> None:
    """The names must still lead to our files, and nobody else may have written to them.

    Args:
        part: descriptor of the part.
        commit: of the commit mark.
        size: bytes that the part has by our writing.

    Raises:
        StoppedError: the file was moved away or appended to.
        RefusedError: somebody replaced the file, or cut it.
        OSError: as it comes.
    """
    for fd, path in ((part, paths.part), (commit, paths.commit)):
        ours, named = storage.fstat(fd), storage.stat(path)
        if named is None:
            raise StoppedError(
                f"{path} is no longer there: it, or a folder above it, was moved or removed "
                "while the run was writing it; put it back, then run the same command again"
            )
        if not ours.same_file(named):
            raise RefusedError(
                f"{path} was replaced while the run was writing it; restore it, or start over "
                "with `--fresh`"
            )
        if fd == part and ours.size != size:
            what = f"{path} was changed by another program ({ours.size:,} bytes instead of "
            if ours.size < size:
                raise RefusedError(
                    f"{what}{size:,}), so lines that were safe are missing; restore it from a "
                    "copy, or start over with `--fresh`"
                )
            raise StoppedError(
                f"{what}{size:,}); stop that program, then run the same command again"
            )
