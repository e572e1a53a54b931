"""A run made of events alone: what workers would say, told to the real `Progress`."""

import json
import random
from collections.abc import Iterator, Sequence

from batchcls.display.progress.progress import Progress
from batchcls.messages import Answer, Answered, WorkerDied, WorkerReady, WorkerStats

LABELS = (
    "Egyptian cat", "tabby, tabby cat", "golden retriever", "sports car, sport car",
    "espresso maker", "lakeside, lakeshore", "daisy", "desktop computer", "street sign",
    "valley, vale", "seashore, coast", "park bench", "monitor", "wardrobe, closet, press",
)  # fmt: skip
WRONG = (
    ("truncated", "the file ends before the picture does"),
    ("not_image", "starts like a PDF document"),
    ("too_large", "30,000 x 30,000 pixels, over the limit of 178,956,970"),
    ("empty", "no bytes"),
)


class FakeRun:
    """Workers of steady speed that now and then meet a bad image; seeded, so always the same.

    Args:
        total: images.
        resumed: lines there already.
        workers: worker processes.
        devices: device strings, each of every worker.
        speed: images/s of each worker and device.
        crash_at: second at which worker 1 dies; it is back three seconds later.
    """

    def __init__(
        self,
        total: int = 50_000,
        resumed: int = 0,
        workers: int = 2,
        devices: Sequence[str] = ("HETERO:GPU,CPU",),
        speed: float = 200.0,
        crash_at: float | None = None,
    ) -> None:
        self.random = random.Random(7)
        self.total, self.workers, self.devices, self.speed = total, workers, devices, speed
        self.crash_at = crash_at
        self._crashed = self._returned = False
        self.progress = Progress(
            started=0.0, started_at=1_764_000_000.0, model="tf2_mobilenet_v2_1.0_224_ptq",
            devices=devices, sources=("./images",), results="results.jsonl", pid=4242,
            host="annotator-3", workers=workers,
        )  # fmt: skip
        self._resumed = resumed
        self._next = resumed
        self._clock = 0.0

    def start(self) -> None:
        """As far as the first worker that is ready."""
        self.progress.on_state("loading")
        self.progress.on_listed(
            self.total, self._resumed, {"truncated": 3} if self._resumed else {}
        )
        for worker in range(self.workers):
            self._ready(worker, 1.2)
        self.progress.on_state("running")
        self._clock = 1.2

    def until(self, second: float) -> None:
        """Let the run continue, with a report of each worker every 0.2 seconds."""
        while self._clock < second and self._next < self.total:
            self._clock += 0.2
            self._accidents()
            for worker in range(self.workers):
                if not (worker == 1 and self._crashed and not self._returned):
                    self._report(worker)

    @property
    def over(self) -> bool:
        """Everything is recorded."""
        return self._next >= self.total

    def _accidents(self) -> None:
        if self.crash_at is not None and not self._crashed and self._clock > self.crash_at:
            self._crashed = True
            self.progress.on_event(WorkerDied(1, "SIGSEGV"), self._clock)
        if self._crashed and not self._returned and self._clock > (self.crash_at or 0.0) + 3.0:
            self._returned = True
            self._ready(1, self._clock)

    def _ready(self, worker: int, now: float) -> None:
        devices = [{"asked": d, "used": d, "nireq": 4, "operations": {}} for d in self.devices]
        description = {"devices": devices, "warnings": []}
        self.progress.on_event(WorkerReady(worker, description), now)

    def _report(self, worker: int) -> None:
        counts = {}
        answers: list[Answer] = []
        for n, device in enumerate(self.devices):
            wanted = self.speed / (n + 1) * 0.2 * self.random.uniform(0.75, 1.25)
            counts[device] = int(wanted + self.random.random())
            answers += list(self._answers(counts[device]))
        stats = WorkerStats(
            images=counts,
            latency={d: c * 0.0194 * self.random.uniform(0.9, 1.1) for d, c in counts.items()},
            in_flight={d: self.random.choice((3, 3, 4, 4, 4)) for d in self.devices},
            spent={"read": 0.006, "decode": 0.093, "preprocess": 0.021, "wait": 0.004,
                   "infer": 0.131, "write": 0.003},
            rss=212_000_000 + worker * 3_000_000,
        )  # fmt: skip
        self.progress.on_event(Answered(worker, 0, tuple(answers), stats), self._clock)
        self.progress.on_recorded(answers, self._clock)

    def _answers(self, count: int) -> Iterator[Answer]:
        for _ in range(min(count, self.total - self._next)):
            index, self._next = self._next, self._next + 1
            if self.random.random() < 0.0014:
                kind, message = self.random.choice(WRONG)
                path = f"2019/week {index % 52:02d}/IMG_{index:05d}.jpg"
                error = {"kind": kind, "message": message}
                line = json.dumps({"i": index, "path": path, "error": error}).encode()
                yield Answer(index, line, kind)  # type: ignore[arg-type] # WRONG holds kinds
            else:
                label = LABELS[min(int(self.random.expovariate(0.35)), len(LABELS) - 1)]
                yield Answer(index, b"{}", None, label)
