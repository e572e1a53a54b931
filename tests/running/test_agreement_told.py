"""How devices agree is summed up now and then, however many reports the workers send."""

import contextlib
import time
from pathlib import Path
from typing import cast

from batchcls.backends.backend import Backend
from batchcls.coordinator.coordinator import Coordinator
from batchcls.coordinator.policy import Policy
from batchcls.display.progress.progress import Progress
from batchcls.job.job import Job
from batchcls.messages import (
    Answer,
    Answered,
    BackendCommand,
    Checks,
    Event,
    Lease,
    Record,
    StopWorker,
    WorkerReady,
    WorkerStats,
)
from batchcls.results.rundir import RunPaths
from batchcls.running.loop import EventLoop
from batchcls.running.night import Night
from batchcls.running.presenter import Presenter
from batchcls.running.signals import StopRequests
from tests.support.world import ListedWork, convict

COUNT = 300


class OneWorker:
    """Answers each image in a message of its own, with a report of all its checks."""

    def __init__(self) -> None:
        self.alive = 1
        self.said: list[Event] = [WorkerReady(0, {})]

    def do(self, command: BackendCommand) -> None:
        if isinstance(command, StopWorker):
            self.alive = 0
        elif isinstance(command, Lease):
            for image in command.images:
                passed = image.index + 1
                stats = WorkerStats(checks={"GPU": Checks(-1, passed, passed, passed, fails=False)})
                answers = (Answer(image.index, b"line"),)
                self.said.append(Answered(0, command.lease, answers, stats))

    def events(self, timeout_s: float) -> list[Event]:
        said, self.said = self.said, []
        return said


class CountingNight(Night):
    sums = 0

    def told(self) -> dict[str, tuple[int, int]]:
        self.sums += 1
        return super().told()


class Notes:
    """Takes lines, and notes reports as the session's watch does."""

    def __init__(self, night: Night) -> None:
        self.night, self.lines = night, 0

    def note(self, event: Answered) -> None:
        assert event.stats is not None
        self.night.note(event.worker, event.stats.checks)

    def record(self, record: Record) -> None:
        self.lines += len(record.answers)

    def tick(self, now: float) -> None:
        """Nothing is due."""


def test_many_reports_are_summed_up_seldom_and_at_the_end(tmp_path: Path) -> None:
    coordinator = Coordinator(1, convict, Policy())
    progress = Progress(started=time.monotonic(), workers=1)
    presenter = Presenter(Job(progress="none"), RunPaths.of(tmp_path / "results"), progress)
    with contextlib.closing(StopRequests()) as requests:
        loop = EventLoop(coordinator, cast(Backend, OneWorker()), presenter, requests)
        loop.night = night = CountingNight()
        loop.watch = notes = Notes(night)
        coordinator.start()
        coordinator.begin(ListedWork(COUNT), 0)
        loop.work(notes)
    assert notes.lines == COUNT
    assert progress.snapshot(time.monotonic()).agreement == {"GPU": (COUNT, COUNT)}
    assert night.sums < COUNT // 10
