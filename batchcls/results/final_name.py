"""Gives a complete part its final name, which replaces no file but the one it may replace."""

from batchcls.errors import RefusedError
from batchcls.results.opening import taken_message
from batchcls.results.recovery import Identity, identify
from batchcls.results.rundir import RunPaths
from batchcls.results.storage import READ, Storage, opened


def give(storage: Storage, paths: RunPaths, replaces: Identity | None) -> None:
    """Rename the part, durably.

    Args:
        replaces: the finished file of the generation before.

    Raises:
        RefusedError: another file has the name.
        OSError: as it comes.
    """
    if storage.stat(paths.results) is None:
        try:
            storage.rename_new(paths.part, paths.results)
        except FileExistsError:
            raise RefusedError(taken_message(paths.results)) from None
    else:
        with opened(storage, paths.results, READ) as fd:
            ours = identify(storage, fd) == replaces
        if not ours:
            raise RefusedError(taken_message(paths.results))
        storage.rename(paths.part, paths.results)
    storage.fsync_dir(paths.results.parent)
