"""``batchcls watch``: the dashboard of a run that another terminal started. Only reads.

Exit codes: as `status`; Ctrl-C leaves with 0, and the run continues.
"""

import sys
import time
from dataclasses import replace
from typing import TextIO

from batchcls.cli.arguments import Debug, Results
from batchcls.job.job import DEFAULT_OUTPUT

POLL_S = 0.5


def watch(results: Results = DEFAULT_OUTPUT, debug: Debug = False) -> int:
    """Show the dashboard of a run that another terminal started."""
    return show_run(results, sys.stdout)


def show_run(results: str, stream: TextIO, kind: str = "auto") -> int:
    """Show a run until it ends; its exit code.

    Args:
        stream: where it is drawn.
        kind: of display, as `--progress`.

    Raises:
        RefusedError: there is no such run, its progress cannot be read, or its results have changed
            since it was complete.
    """
    from batchcls.cli.run_progress import changed_since, last_snapshot, writer_of
    from batchcls.display import open_display
    from batchcls.display.snapshot import Snapshot
    from batchcls.errors import RefusedError
    from batchcls.results.rundir import RunPaths

    paths = RunPaths.find(results)
    display = open_display(kind, stream, watching=True)
    snapshot = Snapshot()
    try:
        while not snapshot.finished:
            latest = last_snapshot(paths)
            if latest is not None:
                gone = not latest.finished and writer_of(latest) == "gone"
                snapshot = replace(latest, state="interrupted") if gone else latest
                display.show(snapshot)
            if not snapshot.finished:
                time.sleep(POLL_S)
    except KeyboardInterrupt:
        return 0
    finally:
        display.close(snapshot)
    if changed := changed_since(paths, snapshot):
        raise RefusedError(changed)
    return 0 if snapshot.state == "done" else 4
