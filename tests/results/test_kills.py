"""A real SIGKILL at every operation, and a real limit on file sizes: the end is the same."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


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
    assert run("kill", str(tmp_path), "29", generation) > 50


@pytest.mark.faults
@pytest.mark.timeout(900)
@pytest.mark.parametrize("generation", ["first", "second"])
def test_kill_at_every_operation(tmp_path: Path, generation: str) -> None:
    points = run("kill", str(tmp_path), "1", generation)
    print(f"{points} points")
    assert points >= 1000


def test_file_size_limit(tmp_path: Path) -> None:
    assert run("limit", str(tmp_path)) == 64
