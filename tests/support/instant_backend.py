"""Workers that need no time, for the cost of the coordinator alone."""

from batchcls.images import ImageRef, Prediction
from batchcls.messages import (
    Answer,
    Answered,
    Event,
    Lease,
    StartWorker,
    StopWorker,
    WorkerDied,
    WorkerReady,
)
from batchcls.results import record
from batchcls.running.signals import StopRequests

RUN = "0123456789abcdef"
TOP = (Prediction(281, "tabby", 0.93), Prediction(282, "tiger cat", 0.05))


def line_of(image: ImageRef) -> bytes:
    return record.ok_line(image, TOP)


class InstantBackend:
    """Workers that have answered as soon as they are asked."""

    def __init__(self, stop_at: int) -> None:
        self.running: set[int] = set()
        self.waiting: list[Event] = []
        self.stop_at = stop_at
        self.requests = StopRequests()

    @property
    def alive(self) -> int:
        return len(self.running) + len(self.waiting)

    def do(self, command: StartWorker | StopWorker | Lease) -> None:
        match command:
            case StartWorker(worker):
                self.running.add(worker)
                self.waiting.append(WorkerReady(worker, {}))
            case Lease(worker, lease, images):
                answers = tuple(Answer(i.index, line_of(i), None, "tabby") for i in images)
                self.waiting.append(Answered(worker, lease, answers))
                if images[-1].index >= self.stop_at and not self.requests.count:
                    self.requests.note(15)
            case StopWorker(worker):
                self.running.discard(worker)
                self.waiting.append(WorkerDied(worker, "exit status 0"))

    def events(self, timeout_s: float) -> list[Event]:
        events, self.waiting = self.waiting, []
        return events
