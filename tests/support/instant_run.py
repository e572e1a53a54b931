"""Whole runs whose workers need no time, over a storage of the test's: an image says its answer."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from batchcls.backends.backend import Backend
from batchcls.errors import ImageError
from batchcls.images import Failure, ImageRef, Prediction
from batchcls.job.job import Job
from batchcls.messages import (
    Answer,
    Answered,
    BackendCommand,
    Event,
    Lease,
    StartWorker,
    StopWorker,
    WorkerDied,
    WorkerReady,
)
from batchcls.results import manifest as manifests
from batchcls.results import mark as marks
from batchcls.results import record
from batchcls.results.rundir import RunPaths
from batchcls.results.storage import PosixStorage, Storage
from batchcls.running.result import RunResult
from batchcls.running.run import run
from batchcls.sources.every import EveryPlace
from batchcls.wire.start import StartMessage
from tests.support.archives import pack

CUT = "cut off"
"""Content of an image that fails; that of any other is its label."""


LEFT = {
    "manifest.json", "inputs", "lock", "progress.json", "log", "summary.json", "commit", "pace",
}  # fmt: skip

PLACES = {"containers", "places"}


class InstantWorkers:
    """Workers that have answered as soon as they are asked.

    Attributes:
        leased: indices of all images that were handed out.
    """

    counters = ()

    def __init__(self, start: StartMessage) -> None:
        self.leased: list[int] = []
        self._source = EveryPlace()
        self._top = start.job.top or 1
        self._running: set[int] = set()
        self._events: list[Event] = []

    def watch(self, descriptor: int) -> None:
        pass

    def close(self) -> None:
        pass

    @property
    def alive(self) -> int:
        return len(self._running) + len(self._events)

    def do(self, command: BackendCommand) -> None:
        match command:
            case StartWorker(worker):
                self._running.add(worker)
                self._events.append(WorkerReady(worker, self._description))
            case Lease(worker, lease, images):
                self.leased += [image.index for image in images]
                self._events.append(Answered(worker, lease, tuple(map(self._answer, images))))
            case StopWorker(worker):
                self._running.discard(worker)
                self._events.append(WorkerDied(worker, "exit status 0"))

    def events(self, timeout_s: float) -> list[Event]:
        events, self._events = self._events, []
        return events

    @property
    def _description(self) -> dict[str, Any]:
        resolved = {"top": self._top, "threshold": None, "activation": "none"}
        return {"fingerprint": resolved, "labels": {"count": 9, "names": []}}

    def _answer(self, image: ImageRef) -> Answer:
        try:
            label = self._source.read(image).decode()
        except ImageError as error:
            return record.failure_answer(image, Failure(error.kind, error.message))
        if label == CUT:
            return record.failure_answer(image, Failure("truncated", "the file ends early"))
        classes = [Prediction(index, label, 0.5) for index in range(self._top)]
        return Answer(image.index, record.ok_line(image, classes), None, label)


class Place:
    """A folder with images and an output, and the runs on it.

    Attributes:
        leased: indices of the images that the workers of the last run were given.
        workers: makes the workers of a run.
    """

    def __init__(self, folder: Path) -> None:
        self.workers: Callable[[StartMessage], InstantWorkers] = InstantWorkers
        self.folder = folder
        self.job = Job(
            sources=(str(folder / "images"),),
            output=str(folder / "results.jsonl"),
            progress="none",
            workers=1,
        )
        self.paths = RunPaths.of(self.job.output)
        self.leased: Sequence[int] = ()
        (folder / "images").mkdir(parents=True)

    def add(self, first: int, end: int, label: str = "cat") -> None:
        """Put images there; one in seven is cut off."""
        for name, content in self._images(first, end, label).items():
            (self.folder / "images" / name).write_bytes(content)

    def pack(self, name: str, first: int, end: int, label: str = "cat") -> None:
        """Put them there in a container of this name."""
        pack(self.folder / "images" / name, self._images(first, end, label))

    def _images(self, first: int, end: int, label: str) -> dict[str, bytes]:
        return {
            f"{number:03}.jpg": (CUT if number % 7 == 3 else label).encode()
            for number in range(first, end)
        }

    def run(self, storage: Storage | None = None, **options: Any) -> RunResult:
        """A run of the job with these options."""
        workers: list[InstantWorkers] = []

        def begin(start: StartMessage, log: Path, timeout_s: float) -> Backend:
            workers.append(self.workers(start))
            self.leased = workers[0].leased
            return workers[0]

        self.leased = ()
        return run(replace(self.job, **options), begin, storage=storage)

    def keep(self, copy: Path) -> None:
        """Copy everything, for `restore`."""
        shutil.copytree(self.folder, copy)

    def restore(self, copy: Path) -> None:
        """As it was, under the same name."""
        shutil.rmtree(self.folder)
        shutil.copytree(copy, self.folder)


def safe_lines(place: Place, generation: int) -> int:
    """Lines of an unfinished generation that are on the disk for certain."""
    storage = PosixStorage()
    manifest = manifests.load(storage, place.paths.manifest)
    mark = marks.read(storage, place.paths.commit)
    if manifest is None or mark is None or not place.paths.part.exists():
        return 0
    return manifest.lines.start + mark[0].count if manifest.generation == generation else 0
