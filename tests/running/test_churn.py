"""Sources that change while the job runs: one line each, with kinds from the documented list."""

import json
import os
import random
import threading
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from batchcls.job.job import Job
from batchcls.running.run import run

pytestmark = pytest.mark.runs

KINDS = {
    None, "vanished", "denied", "changed", "empty", "truncated", "not_image", "corrupt",
    "not_regular",
}  # fmt: skip


PER_SECOND = 50
PICTURE = cv2.imencode(".png", np.random.default_rng(3).integers(0, 255, (90, 90, 3), np.uint8))[1]


def fill(folder: Path, count: int) -> list[Path]:
    """Pictures, each with bytes of its own so that cutting one cuts no other."""
    folder.mkdir()
    paths = [folder / f"{number:05}.png" for number in range(count)]
    for path in paths:
        path.write_bytes(PICTURE.tobytes())
    return paths


class Churn(threading.Thread):
    """Fifty times a second, something happens to some picture."""

    def __init__(self, paths: list[Path], seed: int) -> None:
        super().__init__(daemon=True)
        self.paths, self.chance = paths, random.Random(seed)
        self.stop = threading.Event()
        self.did: Counter[str] = Counter()
        self.seconds = 0.0

    def run(self) -> None:
        began = time.monotonic()
        while not self.stop.is_set():
            path = self.chance.choice(self.paths)
            what = self.chance.choice(["unlink", "truncate", "replace", "chmod", "rename", "fifo"])
            if not path.is_file():
                what = "replace"  # it is gone, or a FIFO
            self.act(what, path)
            self.did[what] += 1
            # By the clock, so that what the machine delayed is caught up with.
            self.stop.wait(began + sum(self.did.values()) / PER_SECOND - time.monotonic())
        self.seconds = time.monotonic() - began

    def act(self, what: str, path: Path) -> None:
        aside = path.with_suffix(".aside")
        if what == "unlink":
            path.unlink()
        elif what == "truncate":
            os.truncate(path, self.chance.randrange(path.stat().st_size + 1))
        elif what == "chmod":
            path.chmod(self.chance.choice([0, 0o444, 0o644]))
        elif what == "rename":
            path.rename(aside)
        elif what == "fifo":
            # In one step: the test puts back what is missing, and must not come between two.
            made = path.with_suffix(".fifo")
            os.mkfifo(made)
            made.rename(path)
        else:
            aside.write_bytes(PICTURE.tobytes() + b"more")
            aside.rename(path)


def churn(job: Job, folder: Path, count: int, seconds: float, seed: int) -> Counter[str | None]:
    paths = fill(folder, count)
    thread = Churn(paths, seed)
    thread.start()
    kinds: Counter[str | None] = Counter()
    until = time.monotonic() + seconds
    while True:
        # Passes over the list make it last; a fresh run sees the sources as they are by then.
        result = run(replace(job, sources=(str(folder),), fresh=True, max_failed="100%"))
        lines = [json.loads(line) for line in Path(job.output).read_bytes().splitlines()]
        assert len(lines) == result.images
        assert [r["i"] for r in lines] == list(range(len(lines)))
        assert len({r["path"] for r in lines}) == len(lines)
        kinds.update(r["error"]["kind"] or None for r in lines)
        if time.monotonic() > until:
            break
        for path in paths:
            if not path.exists():
                back = path.with_suffix(".back")
                back.write_bytes(b"")
                back.rename(path)  # never opened under its name, where a FIFO may be by now
    thread.stop.set()
    thread.join()
    assert sum(thread.did.values()) > 0.9 * PER_SECOND * thread.seconds
    return kinds


def test_churning_sources_get_one_line_each(job: Job, tmp_path: Path) -> None:
    kinds = churn(job, tmp_path / "churn", 1500, 2, seed=1)
    assert set(kinds) <= KINDS
    assert kinds[None] > 0


@pytest.mark.faults
@pytest.mark.timeout(180)
@pytest.mark.parametrize("seed", [11, 12, 13])
def test_a_minute_of_churn(job: Job, tmp_path: Path, seed: int) -> None:
    kinds = churn(job, tmp_path / "churn", 2000, 60, seed)
    print(f"seed {seed}: {dict(kinds)}")
    assert set(kinds) <= KINDS
    assert len(kinds) >= 5
