"""The other side of ``run --detach``: a run that turns to its log when it has begun.

``python -m batchcls.cli.detached JOB ANSWER``: descriptors of a file with the job as JSON, and of
a pipe that gets one byte when the run has begun.
"""

import contextlib
import json
import os
import signal
import sys
from dataclasses import replace

from batchcls.cli.exits import report
from batchcls.job.job import Job
from batchcls.results.rundir import RunPaths


def main() -> int:
    """The run itself."""
    description, answers = map(int, sys.argv[1:3])
    with os.fdopen(description) as file:
        job = Job.from_dict(json.load(file))
    os.set_inheritable(answers, False)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    if job.progress in ("auto", "rich", "bar"):
        job = replace(job, progress="plain")

    def begun() -> None:
        log = os.open(RunPaths.of(job.output).log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        nowhere = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((nowhere, 0), (log, 1), (log, 2)):
            os.dup2(source, target)
        os.close(log)
        os.close(nowhere)
        with contextlib.suppress(BrokenPipeError):  # whoever started it may have gone
            os.write(answers, b"1")
        os.close(answers)

    def run() -> int:
        from batchcls.running.run import run

        return run(job, begun=begun).exit_code

    return report(run, debug=job.debug)


if __name__ == "__main__":
    sys.exit(main())
