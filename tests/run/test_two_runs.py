"""Two runs on one output: one writer always, the other refused in time; no lock outlives a kill."""

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from batchcls.job import Job
from batchcls.results.rundir import RunPaths
from batchcls.running import run
from tests.run.test_interruptions import descendants, gone_within


def start(job: Job) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "batchcls", "run", *job.sources, "-m", str(job.model),
         "-o", job.output, "-w", "1", "--progress", "none", "--number-iter", "400"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def pairs(job: Job, count: int) -> float:
    """Start two, kill the winner, and again; the longest time that a refusal took."""
    paths = RunPaths.of(job.output)
    slowest = 0.0
    for number in range(count):
        both = [start(job), start(job)]
        began = time.monotonic()
        while not (lost := [p for p in both if p.poll() is not None]):
            assert time.monotonic() - began < 30
            time.sleep(0.005)
        slowest = max(slowest, time.monotonic() - began)
        (loser,) = lost
        (winner,) = [p for p in both if p is not loser]
        out, err = loser.communicate()
        assert loser.returncode == 2, (out, err)
        assert str(winner.pid) in err
        if number % 2:  # one that has got to work, too
            while not paths.part.exists():
                assert winner.poll() is None, winner.communicate()
                time.sleep(0.005)
        workers = descendants(winner.pid)
        winner.kill()
        winner.communicate()
        assert gone_within(workers, 2)
    return slowest


def test_one_of_two_is_refused_and_a_killed_winner_leaves_no_lock(job: Job) -> None:
    pairs(job, 2)
    assert run(job).images == 53


@pytest.mark.faults
@pytest.mark.timeout(400)
def test_fifty_pairs(job: Job, tmp_path: Path) -> None:
    slowest = pairs(job, 50)
    print(f"slowest refusal, with the start of both interpreters: {slowest:.2f} s")
    assert run(job).images == 53
    whole = Path(job.output).read_bytes()
    other = replace(job, output=str(tmp_path / "other.jsonl"))
    run(other)
    assert Path(other.output).read_bytes() == whole
    assert os.listdir(tmp_path / "results.jsonl.job")
