"""The coordinator of the real program is killed at random moments, twenty times on one job."""

import random
import signal
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.support.processes import gone_within
from tests.support.program import Program

pytestmark = pytest.mark.runs

WORK_S = 0.9
"""A kill comes within so long after the first lease; in that time there are some commits."""


class Chain:
    """Kills on one job, one after the other, at moments of its whole life.

    Attributes:
        kills: those that hit a coordinator with work in hand, and those that came before.
        lines: how many lines were there after each kill with work in hand.
    """

    def __init__(self, crowd: Path, model: Path, output: Path, whole: bytes, seed: int) -> None:
        self.job = (crowd, model, output)
        self.output = output
        self.whole = whole
        self.chance = random.Random(seed)
        self.kills: Counter[str] = Counter()
        self.lines: list[int] = []

    def kill(self) -> None:
        """Start or go on with the job, and kill it; or find it finished, right, and begin anew."""
        program = Program(*self.job)
        if self.chance.random() < 0.15:
            time.sleep(self.chance.uniform(0, 0.8))
            self.end(program, "early")
            return
        while program.process.poll() is None and not program.running():
            time.sleep(0.005)
        until = time.monotonic() + self.chance.uniform(0, WORK_S)
        while program.process.poll() is None and time.monotonic() < until:
            time.sleep(0.002)
        self.end(program, "working")

    def end(self, program: Program, when: str) -> None:
        workers = program.workers()
        program.process.kill()
        code, _, err = program.end()
        assert gone_within(workers), "workers outlive their coordinator"
        if code != -signal.SIGKILL:
            assert code == 0, err
            assert self.output.read_bytes() == self.whole
            self.output.unlink()  # the next start begins anew
            return
        self.kills[when] += 1
        if program.paths.part.exists():
            data = program.paths.part.read_bytes()
            assert self.whole.startswith(data[: data.rfind(b"\n") + 1])
            if when == "working":
                self.lines.append(data.count(b"\n"))


def chain(crowd: Path, model: Path, tmp_path: Path, whole: bytes, kills: int, seed: int) -> Chain:
    """So many kills of a coordinator with work in hand, then the job is finished."""
    output = tmp_path / "results.jsonl"
    killing = Chain(crowd, model, output, whole, seed)
    while killing.kills["working"] < kills:
        killing.kill()
    code, _, err = Program(crowd, model, output).end(120)
    assert code == 0, err
    assert output.read_bytes() == whole
    assert {p.name for p in tmp_path.iterdir()} == {"results.jsonl", "results.jsonl.job"}
    left = {p.name for p in (tmp_path / "results.jsonl.job").iterdir()}
    assert left <= {
        "manifest.json", "inputs", "lock", "progress.json", "log", "summary.json", "commit", "pace",
    }  # fmt: skip
    return killing


def test_a_few_kills(crowd: Path, model: Path, tmp_path: Path, crowd_whole: bytes) -> None:
    chain(crowd, model, tmp_path, crowd_whole, kills=3, seed=1)


@pytest.mark.faults
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(100, 110))
def test_chains_of_twenty_kills(
    crowd: Path, model: Path, tmp_path: Path, crowd_whole: bytes, seed: int
) -> None:
    done = chain(crowd, model, tmp_path, crowd_whole, kills=20, seed=seed)
    print(f"seed {seed}: {dict(done.kills)}, lines after each: {done.lines}")
    assert len(set(done.lines)) > 5, "the kills are to come at different places"
