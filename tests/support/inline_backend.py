"""Workers inside this process, one step at a time: for tests and for debugging with a debugger.

The same pipeline, the same messages, no processes: an image that kills a worker kills the run.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from batchcls.errors import BatchclsError
from batchcls.images import ImageRef
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
    WorkerRefused,
)
from batchcls.wire import protocol
from batchcls.wire.start import StartMessage
from batchcls.worker.pipeline import Pipeline
from batchcls.worker.serving import open_pipeline
from batchcls.worker.stage_board import Board


@dataclass(slots=True)
class _Inline:
    classifier: Any
    pipeline: Pipeline
    board: Board
    leased: dict[int, dict[int, ImageRef]] = field(default_factory=dict)
    stopping: bool = False


class InlineBackend:
    """Runs the workers of a job in this process, in turn.

    Args:
        start: as for `LocalBackend`.
        log: not used; there is no standard error but this process's own.
        timeout_s: not used; nobody could interrupt a hanging image.
    """

    def __init__(self, start: StartMessage, log: Path, timeout_s: float) -> None:
        self._start = start
        self._workers: dict[int, _Inline] = {}
        self._events: deque[Event] = deque()
        self._counters: list[Mapping[str, Any]] = []

    @property
    def alive(self) -> int:
        """How many workers there are."""
        return len(self._workers) + len(self._events)

    @property
    def counters(self) -> Sequence[Mapping[str, Any]]:
        """Per-layer counters of the workers that have left."""
        return self._counters

    def watch(self, descriptor: int) -> None:
        """Nothing waits here."""

    def do(self, command: BackendCommand) -> None:
        """Carry out a command of the coordinator."""
        match command:
            case StartWorker(worker):
                self._open(worker)
            case Lease(worker, lease, images):
                inline = self._workers[worker]
                inline.leased[lease] = {image.index: image for image in images}
                inline.pipeline.add(lease, images)
            case StopWorker(worker, drain):
                inline = self._workers[worker]
                inline.stopping = True
                if drain:
                    inline.pipeline.drop_waiting()

    def events(self, timeout_s: float) -> list[Event]:
        """Let each worker do a step; what came of it."""
        for worker, inline in list(self._workers.items()):
            self._step(worker, inline, timeout_s)
        events, self._events = list(self._events), deque()
        return events

    def close(self) -> None:
        """Let go of everything."""
        for worker in list(self._workers):
            self._leave(worker)

    def _open(self, worker: int) -> None:
        board = Board.create()
        try:
            classifier, pipeline = open_pipeline(self._start, board)
        except BatchclsError as error:
            board.close()
            self._events.append(WorkerRefused(worker, type(error).__name__, str(error)))
            return
        self._workers[worker] = _Inline(classifier, pipeline, board)
        self._events.append(WorkerReady(worker, classifier.description))

    def _step(self, worker: int, inline: _Inline, timeout_s: float) -> None:
        by_lease: dict[int, list[Answer]] = {}
        idle = inline.pipeline.idle
        for done in [] if idle else inline.pipeline.step(timeout_s):
            by_lease.setdefault(done.lease, []).append(done.answer)
        for lease, answers in by_lease.items():
            payload = protocol.encode_answers(lease, answers, inline.pipeline.stats(0))
            event = protocol.parse(worker, payload, inline.leased)
            if isinstance(event, Answered):
                for answer in event.answers:
                    del inline.leased[lease][answer.index]
            self._events.append(event)
        if inline.stopping and inline.pipeline.idle:
            self._leave(worker)
            self._events.append(WorkerDied(worker, "exit status 0"))

    def _leave(self, worker: int) -> None:
        inline = self._workers.pop(worker)
        inline.pipeline.close()
        if self._start.job.perf_counts:
            self._counters += [row.as_dict() for row in inline.classifier.perf_counts()]
        inline.classifier.close()
        inline.board.close()
