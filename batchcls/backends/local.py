"""The owner of worker processes on this machine: starts them, hears them, feeds them, ends them.

Rules of this file:

1. No shared queue and no lock is shared with a worker, so none can be left held by a dead one.
2. Sockets are never waited on one by one. A worker that stops reading or writes half a message
   stops nobody else.
3. What a worker sends goes through `protocol.parse`. One that breaks the protocol is killed.
4. A process that cannot be started is a worker that has died: the run goes on with the others.
5. A worker that `Deadlines` finds overdue is killed; a death that this module caused is an event
   like any other.
"""

import selectors
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from batchcls.backends.deadlines import CHECK_S, Deadlines
from batchcls.backends.process import WorkerProcess, why_unborn
from batchcls.messages import (
    Answered,
    BackendCommand,
    Event,
    Lease,
    StartWorker,
    StopWorker,
    WorkerDied,
    WorkerReady,
)
from batchcls.wire import protocol
from batchcls.wire.frames import MAX_WORDS, FrameError, frame
from batchcls.wire.start import StartMessage


class LocalBackend:
    """Worker processes on this machine.

    Args:
        start: what each worker gets first.
        log: file that takes the workers' standard error.
        timeout_s: how long an image may stay in one stage.
        module: what a worker process runs.
    """

    def __init__(
        self,
        start: StartMessage,
        log: Path,
        timeout_s: float,
        module: str = "batchcls.worker",
    ) -> None:
        self._module = module
        self._start_message = frame(protocol.encode("start", **start.to_json()))
        self._deadlines = Deadlines(timeout_s, time.monotonic())
        self._processes: dict[int, WorkerProcess] = {}
        self._unborn: list[Event] = []
        self._counters: list[dict[str, Any]] = []
        self._log: IO[bytes] = log.open("a+b", buffering=0)
        self._selector = selectors.DefaultSelector()

    # ---- for the run

    @property
    def alive(self) -> int:
        """How many worker processes there are."""
        return len(self._processes) + len(self._unborn)

    @property
    def processes(self) -> Mapping[int, WorkerProcess]:
        """The worker processes, by worker number."""
        return self._processes

    @property
    def counters(self) -> Sequence[Mapping[str, Any]]:
        """Per-layer counters of the workers that have left."""
        return self._counters

    def watch(self, descriptor: int) -> None:
        """End a wait in `events` when this descriptor becomes readable."""
        self._selector.register(descriptor, selectors.EVENT_READ, None)

    def do(self, command: BackendCommand) -> None:
        """Carry out a command of the coordinator."""
        match command:
            case StartWorker(worker):
                self._start(worker)
            case Lease(worker):
                process = self._processes[worker]
                process.leased[command.lease] = {i.index: i for i in command.images}
                if len(process.leased) == 1:
                    self._deadlines.hear(worker, time.monotonic())
                self._send(worker, frame(protocol.encode_lease(command)))
            case StopWorker(worker, drain):
                self._send(worker, frame(protocol.encode("stop", drain=drain)))

    def events(self, timeout_s: float) -> list[Event]:
        """What has happened; waits for at most `timeout_s` if nothing has."""
        events, self._unborn = self._unborn, []
        for key, mask in self._selector.select(0.0 if events else min(timeout_s, CHECK_S)):
            worker: int | None = key.data
            if worker is None or worker not in self._processes:
                continue
            if mask & selectors.EVENT_WRITE:
                self._flush(worker)
            if mask & selectors.EVENT_READ:
                events += self._hear(worker)
        events += self._kill_overdue()
        return events

    def close(self) -> None:
        """Kill what is left and let go of everything."""
        for worker in list(self._processes):
            self._end(worker)
        self._selector.close()
        self._log.close()

    # ---- one worker

    def _start(self, worker: int) -> None:
        try:
            process = WorkerProcess.spawn(self._module, self._log)
        except OSError as error:
            self._unborn.append(WorkerDied(worker, why_unborn(error)))
            return
        self._processes[worker] = process
        self._deadlines.start(worker, time.monotonic())
        self._selector.register(process.socket, selectors.EVENT_READ, worker)
        self._send(worker, self._start_message)

    def _send(self, worker: int, data: bytes) -> None:
        if worker in self._processes:
            self._processes[worker].outbox += data
            self._flush(worker)

    def _flush(self, worker: int) -> None:
        process = self._processes[worker]
        process.flush()
        writes = selectors.EVENT_WRITE if process.outbox else 0
        self._selector.modify(process.socket, selectors.EVENT_READ | writes, worker)

    def _hear(self, worker: int) -> list[Event]:
        events: list[Event] = []
        try:
            payloads = self._processes[worker].receive()
            if payloads is None:
                return [self._end(worker)]
            self._deadlines.hear(worker, time.monotonic())
            for payload in payloads:
                rows = protocol.parse_counters(payload)
                if rows is None:
                    events.append(self._take(worker, payload))
                else:
                    self._counters += rows
        except (protocol.ProtocolError, FrameError) as error:
            events.append(self._end(worker, cause=f"{error}; killed"))
        return events

    def _take(self, worker: int, payload: bytes) -> Event:
        leased = self._processes[worker].leased
        event = protocol.parse(worker, payload, leased)
        if len(payload) > MAX_WORDS and not isinstance(event, Answered):
            raise protocol.ProtocolError(f"says {len(payload)} bytes of itself")
        if isinstance(event, WorkerReady):
            self._deadlines.ready(worker)
            self._processes[worker].ready = True
        elif isinstance(event, Answered):
            images = leased[event.lease]
            for answer in event.answers:
                del images[answer.index]
            if not images:
                del leased[event.lease]
        return event

    def _kill_overdue(self) -> list[Event]:
        now = time.monotonic()
        if not self._deadlines.due(now):
            return []
        events: list[Event] = []
        for worker, process in list(self._processes.items()):
            in_hand = process.board.in_hand() if process.leased else None
            overdue = self._deadlines.overdue(worker, now, in_hand, process.board.last_beat)
            if overdue is not None:
                events.append(self._end(worker, overdue.cause, timeout=overdue.hangs))
        return events

    def _end(self, worker: int, cause: str = "", *, timeout: bool = False) -> Event:
        """A worker is dead, or dies now for this cause."""
        process = self._processes.pop(worker)
        self._deadlines.end(worker)
        self._selector.unregister(process.socket)
        return process.bury(worker, cause, timeout=timeout)
