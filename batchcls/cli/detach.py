"""Owns ``run --detach``: a run in a session of its own, which outlives the terminal it began in.

Until the run is past everything that can be wrong with a job, it writes to the terminal and this
process waits: a wrong job is refused as in the foreground. Then the run turns to its log, and this
process tells how to watch and to stop it.

Run as a program, it is the other side: descriptors of the job (JSON) and of the answer.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from batchcls.cli.main import report
from batchcls.cli.terminal import say
from batchcls.job.job import Job
from batchcls.results.rundir import RunPaths

PACKAGE_PARENT = str(Path(__file__).resolve().parents[2])


def detach(job: Job) -> int:
    """Start a job's run and leave it; returns the exit code of a run that ended at once."""
    listens, answers = os.pipe()
    with tempfile.TemporaryFile() as told:
        told.write(json.dumps(job.as_dict()).encode())
        told.seek(0)
        path = os.pathsep.join(filter(None, (PACKAGE_PARENT, os.environ.get("PYTHONPATH"))))
        run = subprocess.Popen(
            [sys.executable, "-P", "-m", __name__, str(told.fileno()), str(answers)],
            stdin=None if "-" in job.sources else subprocess.DEVNULL,
            pass_fds=(told.fileno(), answers),
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": path},
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
    say(
        f"run {run.pid} goes on without this terminal\n"
        f"  watch: batchcls watch {job.output}\n"
        f"  stop:  kill {run.pid}    (the same command goes on later)\n"
        f"  log:   {RunPaths.of(job.output).log}"
    )
    return 0


def main() -> int:
    """The run itself."""
    told, answers = map(int, sys.argv[1:3])
    with os.fdopen(told) as file:
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

        code: int = run(job, begun=begun).exit_code
        return code

    return report(run, debug=job.debug)


if __name__ == "__main__":
    sys.exit(main())
