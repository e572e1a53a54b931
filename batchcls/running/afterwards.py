"""What a job asks for after its run: a report, and then a command that is told.

Nothing of it changes what came of the run.
"""

import contextlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from batchcls.display.screens.stream import QuietStream
from batchcls.display.text import safe
from batchcls.job.job import Job
from batchcls.running.presenter import Presenter

if TYPE_CHECKING:
    from batchcls.running.result import RunResult

Run = Callable[[Callable[[Presenter], None]], "RunResult"]
"""Does a run, and hands out its presenter once its workers are started."""


def told(job: Job, run: Run) -> "RunResult":
    """Do a run and what comes after it; the same is returned, or raised.

    Raises:
        UsageError: what comes after it cannot be done; nothing was started.
    """
    from batchcls.report.build import require_free

    if job.report is not None:
        require_free(Path(job.report))

    def reported(begins: Callable[[Presenter], None]) -> "RunResult":
        result = run(begins)
        if job.report is not None:
            _write_report(str(result.results), Path(job.report))
        return result

    if job.on_end is None:
        return reported(lambda _: None)
    from batchcls.running.on_end import OnEnd

    end = OnEnd(job.on_end, job.output)
    return end.after(lambda: reported(end.begins))


def _write_report(results: str, path: Path) -> None:
    from batchcls.backends.thumbnails import ThumbnailProcess
    from batchcls.report.build import Request, build, write

    try:
        with contextlib.closing(ThumbnailProcess()) as make:
            write(build(Request(results), make, lambda _: None), path)
    except KeyboardInterrupt:
        _warn(f"{path} was not written: interrupted")
    except Exception as error:  # noqa: BLE001 - the run is complete, whatever a page about it does
        _warn(f"{path} was not written: {error}")


def _warn(text: str) -> None:
    if sys.stderr is not None:
        QuietStream(sys.stderr).write(f"batchcls: warning: {safe(text)}\n")
