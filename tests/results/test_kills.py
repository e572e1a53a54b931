"""A real SIGKILL at every operation, and a real limit on file sizes: the end is the same."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.tree import ROOT

pytestmark = pytest.mark.runs


def run(*arguments: str) -> int:
    done = subprocess.run(
        [sys.executable, "-m", "tests.results.kills", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.mark.parametrize("generation", ["first", "second"])
def test_kill_at_some_operations(tmp_path: Path, generation: str) -> None:
    assert run("kill", str(tmp_path), "0", "61", generation) > 25


@pytest.mark.faults
@pytest.mark.timeout(300)
@pytest.mark.parametrize("generation", ["first", "second"])
@pytest.mark.parametrize("part", range(8))
def test_kill_at_every_operation(tmp_path: Path, generation: str, part: int) -> None:
    """Eight times more than 150: more than 1,200."""
    points = run("kill", str(tmp_path), str(part), "8", generation)
    print(f"{points} points")
    assert points > 150


def test_file_size_limit(tmp_path: Path) -> None:
    assert run("limit", str(tmp_path)) == 64
