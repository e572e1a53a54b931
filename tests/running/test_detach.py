"""A detached run outlives its terminal; a wrong job is refused while somebody still looks."""

import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from batchcls.job.job import Job
from batchcls.results.rundir import RunPaths
from tests.support.processes import PATIENCE_S, alive, gone_within

pytestmark = pytest.mark.runs


def command(job: Job, *more: str) -> list[str]:
    return [
        sys.executable, "-m", "batchcls", "run", *job.sources, "-m", str(job.model),
        "-o", job.output, "-w", "1", *more,
    ]  # fmt: skip


def wait_for(path: Path, pid: int, seconds: float = PATIENCE_S) -> None:
    deadline = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < deadline
        assert alive(pid) or path.exists(), RunPaths.of(str(path)).log.read_text()
        time.sleep(0.02)


def test_a_detached_run_outlives_its_terminal(job: Job) -> None:
    main, terminal = pty.openpty()
    started = subprocess.Popen(
        command(job, "--detach"), stdin=terminal, stdout=terminal, stderr=terminal,
        start_new_session=True,
    )  # fmt: skip
    os.close(terminal)
    said = b""
    while not (pid := re.search(rb"run (\d+) is detached from this terminal", said)):
        said += os.read(main, 4096)
    assert started.wait(PATIENCE_S) == 0
    os.close(main)  # the terminal is gone
    wait_for(Path(job.output), int(pid[1]))
    assert gone_within([int(pid[1])])
    assert len(Path(job.output).read_bytes().splitlines()) == 53
    log = RunPaths.of(job.output).log.read_text()
    assert "53" in log, "the run's own words go to its log"


def test_a_detached_run_ignores_a_hangup_and_drains_on_sigterm(job: Job) -> None:
    done = subprocess.run(
        command(job, "--detach", "--number-iter", "200"),
        capture_output=True,
        timeout=PATIENCE_S,
        check=True,
    )
    pid = int(done.stdout.split()[1])
    os.kill(pid, signal.SIGHUP)
    time.sleep(0.5)
    assert alive(pid)
    os.kill(pid, signal.SIGTERM)
    assert gone_within([pid])


def test_a_wrong_job_is_refused_as_in_the_foreground(job: Job, tmp_path: Path) -> None:
    bad = tmp_path / "bad.onnx"
    bad.write_bytes(b"this is no model")
    for more in (["-m", str(bad)], ["-d", "XPU"], ["--names", "*.xyz"], ["--top", "-1"]):
        done = subprocess.run(
            command(job, *more, "--detach"),
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert done.returncode == 2, (more, done)
        assert "batchcls: error: " in done.stderr
        assert "is detached" not in done.stdout
    assert not Path(job.output).exists()


def test_a_detached_run_of_what_is_complete_says_so(job: Job) -> None:
    subprocess.run(command(job), capture_output=True, check=True, timeout=PATIENCE_S)
    done = subprocess.run(
        command(job, "--detach"), capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert done.returncode == 0
    assert "is complete" in done.stdout
    assert "is detached" not in done.stdout
