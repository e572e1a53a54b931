"""batchcls labels a directory of images overnight: one line per image, whatever happens.

The same job as the command line's, from Python::

    import batchcls

    summary = batchcls.run(batchcls.Job(sources=("photos",), model="model.xml"))
    print(summary.images, summary.failed)

Importing this package costs next to nothing: OpenVINO and OpenCV are imported by the worker
processes, and the engine when `run` is called. A script needs no ``if __name__ == "__main__"``.
"""

from typing import TYPE_CHECKING

from batchcls.errors import BatchclsError
from batchcls.job.job import Job
from batchcls.version import __version__

if TYPE_CHECKING:
    from batchcls.running.result import RunResult

__all__ = ["BatchclsError", "Job", "__version__", "run"]


def run(job: Job) -> "RunResult":
    """Label every image of a job and write its results file.

    Args:
        job: what to label, with what, and where the results go.

    Returns:
        What happened: counts, times, exit code.

    Raises:
        BatchclsError: the job is wrong, or stopped early; its message says what to do.
    """
    from batchcls.running.run import run as run_job

    return run_job(job)
