"""Owns ``run --detach``: a run in a session of its own, which outlives the terminal it began in.

Until the run is past everything that can be wrong with a job, it writes to the terminal and this
process waits: a wrong job is refused as in the foreground. Then the run turns to its log, and this
process prints how to watch and to stop it. The run is another program, `batchcls.cli.detached`.
"""

import json
import os
import subprocess
import tempfile

from batchcls.backends import launch
from batchcls.cli.terminal import print_result
from batchcls.job.job import Job
from batchcls.results.rundir import RunPaths


def start_detached(job: Job) -> int:
    """Start a job's run and leave it; returns the exit code of a run that ended at once."""
    listens, answers = os.pipe()
    with tempfile.TemporaryFile() as description:
        description.write(json.dumps(job.as_dict()).encode())
        description.seek(0)
        run = subprocess.Popen(
            launch.command("batchcls.cli.detached", str(description.fileno()), str(answers)),
            stdin=None if "-" in job.sources else subprocess.DEVNULL,
            pass_fds=(description.fileno(), answers),
            start_new_session=True,
        )
    os.close(answers)
    try:
        begun = os.read(listens, 1)
    except KeyboardInterrupt:
        run.terminate()
        run.wait()
        raise
    finally:
        os.close(listens)
    if not begun:
        code = run.wait()
        return code if code >= 0 else 128 - code
    run.returncode = 0  # it is nobody's child any more
    print_result(
        f"run {run.pid} is detached from this terminal\n"
        f"  watch: batchcls watch {job.output}\n"
        f"  stop:  kill {run.pid}    (run the same command to resume)\n"
        f"  log:   {RunPaths.of(job.output).log}"
    )
    return 0
