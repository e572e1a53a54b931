"""Two runs on one output: one writer always, the other refused in time; no lock outlives a kill."""

import os
import signal
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from batchcls.job.job import Job
from batchcls.results.rundir import RunPaths
from batchcls.running.run import run
from tests.support.processes import PATIENCE_S, children, gone_within

pytestmark = pytest.mark.runs


def start(job: Job) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "batchcls", "run", *job.sources, "-m", str(job.model),
         "-o", job.output, "-w", "1", "--progress", "none", "--number-iter", "400"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def look(paths: RunPaths) -> dict[str, tuple[int, int, bytes]]:
    """All files of a run: which they are, when they were changed, and what they hold."""
    files = [paths.part, *paths.directory.iterdir()]
    return {
        path.name: ((stat := path.stat()).st_ino, stat.st_mtime_ns, path.read_bytes())
        for path in files
        if path.is_file()
    }


@dataclass
class Refusals:
    """What it took to be refused.

    Attributes:
        wall: seconds, the start of the interpreter with it.
        cpu: the same, of CPU time.
    """

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def refused(self, loser: subprocess.Popen[str], winner: int, began: float) -> None:
        """The loser must end, in words that name the winner."""
        _, status, cost = os.wait4(loser.pid, 0)
        self.wall.append(time.monotonic() - began)
        self.cpu.append(cost.ru_utime + cost.ru_stime)
        loser.returncode = os.waitstatus_to_exitcode(status)  # reaped here, for its cost
        _, err = loser.communicate()
        assert loser.returncode == 2, err
        assert str(winner) in err


def kill(winner: subprocess.Popen[str]) -> None:
    workers = children(winner.pid)
    winner.kill()
    winner.communicate()
    assert gone_within(workers)


def at_once(job: Job, refusals: Refusals) -> None:
    """Start two at the same time, and kill the winner."""
    began = time.monotonic()
    both = [start(job), start(job)]
    while True:
        ended = [
            p for p in both if os.waitid(os.P_PID, p.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        ]
        if ended:
            break
        assert time.monotonic() - began < PATIENCE_S
        time.sleep(0.005)
    (loser,) = ended
    (winner,) = [p for p in both if p is not loser]
    refusals.refused(loser, winner.pid, began)
    kill(winner)


def one_at_work(job: Job, refusals: Refusals) -> None:
    """Start a second beside one that has got to work, and kill that one."""
    paths = RunPaths.of(job.output)
    winner = start(job)
    while not paths.part.exists() or len(children(winner.pid)) < 1:
        assert winner.poll() is None, winner.communicate()
        time.sleep(0.005)
    winner.send_signal(signal.SIGSTOP)  # whatever changes now, it was not this one
    before = look(paths)
    began = time.monotonic()
    refusals.refused(start(job), winner.pid, began)
    assert look(paths) == before, "the second run touched something"
    kill(winner)


def pairs(job: Job, count: int) -> Refusals:
    """So many pairs on one output, each right after the kill that ended the one before."""
    refusals = Refusals()
    for number in range(count):
        (one_at_work if number % 2 else at_once)(job, refusals)
    return refusals


def test_one_of_two_is_refused_and_a_killed_winner_leaves_no_lock(job: Job) -> None:
    pairs(job, 2)
    assert run(job).images == 53


@pytest.mark.faults
@pytest.mark.timeout(400)
def test_fifty_pairs(job: Job, tmp_path: Path) -> None:
    refusals = pairs(job, 50)
    median, most = statistics.median(refusals.wall), max(refusals.cpu)
    print(f"refused after {median:.2f} s (median), with at most {most:.2f} s of CPU time")
    assert most < 1
    assert median < 1
    assert run(job).images == 53
    whole = Path(job.output).read_bytes()
    other = replace(job, output=str(tmp_path / "other.jsonl"))
    run(other)
    assert Path(other.output).read_bytes() == whole
    assert os.listdir(tmp_path / "results.jsonl.job")
