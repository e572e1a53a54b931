"""Whole runs on several machines, which are agents of this one."""

import shlex
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from batchcls.job.job import Job
from batchcls.running.run import run

pytestmark = pytest.mark.runs

LAUNCHER = Path(__file__).parents[1] / "support" / "launcher.py"


def launcher(copies: int) -> str:
    return shlex.join([sys.executable, str(LAUNCHER), str(copies), "--"])


def test_two_machines_give_the_bytes_of_one(job: Job, tmp_path: Path) -> None:
    here = run(replace(job, output=str(tmp_path / "here.jsonl")))
    there = run(replace(job, output=str(tmp_path / "there.jsonl"), cluster=(launcher(2),)))
    assert there.failed == here.failed
    assert (tmp_path / "there.jsonl").read_bytes() == (tmp_path / "here.jsonl").read_bytes()
    said = (tmp_path / "there.jsonl.job" / "log").read_text()
    assert said.count(" joined with ") == 2
    assert "Welcome to this cluster" in said
