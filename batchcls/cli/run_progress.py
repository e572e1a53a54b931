"""The progress of a run of another process: its last snapshot, and whether the process lives."""

import socket
from typing import Literal

from batchcls.backends.machine import is_alive, process_start
from batchcls.display.progress.progress_file import load
from batchcls.display.snapshot import Snapshot
from batchcls.errors import RefusedError
from batchcls.results.rundir import RunPaths

Writer = Literal["alive", "gone", "unknown"]


def last_snapshot(paths: RunPaths) -> Snapshot | None:
    """What the run last wrote of its progress; None if it has written nothing yet.

    Raises:
        RefusedError: it cannot be read.
    """
    try:
        return load(paths.progress)
    except (OSError, ValueError) as error:
        raise RefusedError(f"{paths.progress} cannot be read: {error}") from error


def changed_since(paths: RunPaths, snapshot: Snapshot) -> str:
    """How the results of a complete run are not what it finished; empty if they are."""
    from batchcls.results import mark as marks
    from batchcls.results.recovery import require_finished
    from batchcls.results.storage import PosixStorage

    if snapshot.state != "done":
        return ""
    storage = PosixStorage()
    try:
        found = marks.read(storage, paths.commit)
        if found is not None and found[0].state == "complete":
            require_finished(storage, paths.results, found[0])
    except (OSError, RefusedError) as error:
        return str(error)
    return ""


def writer_of(snapshot: Snapshot) -> Writer:
    """Whether the process that wrote a snapshot is still there.

    The lock is not tried: holding it for a moment could make a run that starts just then refuse.
    """
    if snapshot.host != socket.gethostname() or snapshot.pid <= 0:
        return "unknown"
    if not is_alive(snapshot.pid):
        return "gone"
    start = process_start(snapshot.pid)
    # A process that began after the snapshot was written has only inherited the number.
    return "gone" if start is not None and start > snapshot.updated_at + 5.0 else "alive"
