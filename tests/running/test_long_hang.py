"""An image hangs for three deadlines at 2,800 images/s: the others go on, and memory stays bounded.

Run as a program with a folder, it is the coordinator of that run, and prints what it cost.
"""

import json
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import cast

import pytest

from batchcls.backends.backend import Backend
from batchcls.coordinator.coordinator import Coordinator
from batchcls.coordinator.policy import Policy
from batchcls.display.progress.progress import Progress
from batchcls.images import ImageRef, Prediction
from batchcls.job.job import Job
from batchcls.messages import Answer, Answered, Event, Lease, StartWorker, StopWorker
from batchcls.results import record
from batchcls.results.journal import Journal
from batchcls.results.rundir import RunPaths, make_directory
from batchcls.results.storage import PosixStorage
from batchcls.running.loop import EventLoop
from batchcls.running.presenter import Presenter
from batchcls.running.recorder import JournalLines
from tests.support.instant_backend import RUN, InstantBackend
from tests.support.processes import peak_mb
from tests.support.tree import ROOT
from tests.support.world import ListedWork

pytestmark = pytest.mark.runs

HUNG = 1000
MEANWHILE = 500_000
COUNT = MEANWHILE + 20_000
LABELS = [f"class {n}, of those that ImageNet knows" for n in range(1000)]


class HangingBackend(InstantBackend):
    """The worker that has image `HUNG` is heard of again when the others have done very many."""

    def __init__(self) -> None:
        super().__init__(stop_at=COUNT)
        self.chance = random.Random(1)
        self.answered = self.starved = 0
        self.hanging: Answered | None = None
        self.looks = 0  # at events, since the hang was over

    def answer(self, image: ImageRef) -> Answer:
        chance = self.chance
        best = [
            Prediction(n, LABELS[n], round(chance.random(), 6))
            for n in (int(chance.random() * 1000) for _ in range(5))
        ]
        return Answer(image.index, record.ok_line(image, best), None, best[0].label)

    def do(self, command: StartWorker | StopWorker | Lease) -> None:
        if not isinstance(command, Lease):
            super().do(command)
            return
        answers = tuple(map(self.answer, command.images))
        event = Answered(command.worker, command.lease, answers)
        if any(image.index == HUNG for image in command.images):
            self.hanging = event
        else:
            self.answered += len(answers)
            self.waiting.append(event)

    def events(self, timeout_s: float) -> list[Event]:
        events = super().events(timeout_s)
        if self.hanging is None:
            self.looks += 1
        elif self.answered >= MEANWHILE:
            events.append(self.hanging)
            self.hanging, self.looks = None, 0
        elif not events:
            self.starved += 1
            assert self.starved < 100, f"nothing to do after {self.answered} images"
        return events


def work(folder: Path) -> dict[str, float]:
    """Run to the end; what it cost."""
    paths, storage = RunPaths.of(folder / "results.jsonl"), PosixStorage()
    make_directory(paths, storage)
    journal = Journal.open(paths, storage, COUNT, RUN)
    backend = HangingBackend()
    coordinator = Coordinator(4, record.failure_answer, Policy())
    for command in coordinator.start():
        backend.do(command)
    coordinator.begin(ListedWork(COUNT), 0)
    presenter = Presenter(
        Job(progress="none"), paths, Progress(started=time.monotonic(), workers=4)
    )
    loop = EventLoop(coordinator, cast(Backend, backend), presenter, backend.requests)
    began = time.process_time()
    loop.work(JournalLines(journal, COUNT))
    journal.finish()
    return {
        "us": (time.process_time() - began) / COUNT * 1e6,
        "starved": backend.starved, "looks": backend.looks, "lines": journal.count,
        "mb": peak_mb(),
    }  # fmt: skip


@pytest.mark.faults
@pytest.mark.timeout(300)
def test_the_others_never_wait_for_an_image_that_hangs_for_three_deadlines(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.running.test_long_hang", str(tmp_path)],
        check=True, stdout=subprocess.PIPE, cwd=ROOT,
    )  # fmt: skip
    seen = json.loads(done.stdout)
    print(seen)
    assert seen["lines"] == COUNT
    assert seen["starved"] == 0
    assert seen["mb"] < 200
    # What had waited is recorded in pieces, and between them workers and signals are heard.
    assert seen["looks"] > MEANWHILE / 100_000


if __name__ == "__main__":
    print(json.dumps(work(Path(sys.argv[1]))))
