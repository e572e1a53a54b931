"""The owner of worker processes: starts them, hears them, feeds them, ends them.

Rules of this file:

1. A worker is a fresh interpreter, never a fork: OpenVINO's inference blocks after one. It inherits
   two descriptors, its end of a private socket and its board, and nothing else of ours.
2. No shared queue and no lock is shared with a worker, so none can be left held by a dead one. The
   worker's end of the socket is closed here at once: end of stream is death, in both directions.
3. Sockets are never waited on one by one. A worker that stops reading or writes half a message
   stops nobody else.
4. What a worker sends goes through `protocol.parse`. One that breaks the protocol is killed.
5. A worker that keeps an image in one stage beyond the deadline, or whose own loop stands still,
   is killed; a death that this module caused is told like any other.
6. Every wait is bounded. A process that survives SIGKILL (stuck in the kernel) is given up.
"""

import contextlib
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from batchcls.backends.environment import environment
from batchcls.images import ImageRef
from batchcls.messages import (
    Answered,
    Event,
    Lease,
    StartWorker,
    StopWorker,
    WorkerDied,
    WorkerReady,
)
from batchcls.wire import protocol
from batchcls.wire.frames import FrameError, FrameReader, frame
from batchcls.wire.start import StartMessage
from batchcls.worker.stage_board import BLAMED, Board

READ_SIZE = 1 << 18
DEATH_WAIT_S = 2.0
CHECK_S = 0.1
STALL_GRACE_S = 1.0
SILENCE_GRACE_S = 0.5
LOADING_LIMIT_S = 1800.0


@dataclass(slots=True)
class _Process:
    """One worker process and its ends of everything."""

    popen: subprocess.Popen[bytes]
    socket: socket.socket
    board: Board
    reader: FrameReader = field(default_factory=FrameReader)
    outbox: bytearray = field(default_factory=bytearray)
    leased: dict[int, dict[int, ImageRef]] = field(default_factory=dict)
    ready: bool = False
    started: float = 0.0
    heard: float = 0.0


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
        self._timeout = timeout_s
        self._selector = selectors.DefaultSelector()
        self._processes: dict[int, _Process] = {}
        self._counters: list[dict[str, Any]] = []
        self._log: IO[bytes] = log.open("ab", buffering=0)
        self._checked = self._excused = time.monotonic()
        """Directory that the leased paths are relative to; set before the first lease."""

    # ---- for the run

    @property
    def alive(self) -> int:
        """How many worker processes there are."""
        return len(self._processes)

    @property
    def counters(self) -> Sequence[Mapping[str, Any]]:
        """Per-layer counters of the workers that have left."""
        return self._counters

    def watch(self, descriptor: int) -> None:
        """End a wait in `events` when this descriptor becomes readable."""
        self._selector.register(descriptor, selectors.EVENT_READ, None)

    def do(self, command: StartWorker | StopWorker | Lease) -> None:
        """Carry out a command of the coordinator."""
        match command:
            case StartWorker(worker):
                self._spawn(worker)
            case Lease(worker):
                process = self._processes[worker]
                process.leased[command.lease] = {i.index: i for i in command.images}
                if len(process.leased) == 1:
                    process.heard = time.monotonic()
                self._send(worker, frame(protocol.encode_lease(command)))
            case StopWorker(worker, drain):
                self._send(worker, frame(protocol.encode("stop", drain=drain)))

    def events(self, timeout_s: float) -> list[Event]:
        """What has happened; waits for at most `timeout_s` if nothing has."""
        events: list[Event] = []
        for key, mask in self._selector.select(min(timeout_s, CHECK_S)):
            worker: int | None = key.data
            if worker is None or worker not in self._processes:
                continue
            if mask & selectors.EVENT_WRITE:
                self._flush(worker)
            if mask & selectors.EVENT_READ:
                events += self._hear(worker)
        events += self._check_deadlines()
        return events

    def close(self) -> None:
        """Kill what is left and let go of everything."""
        for worker in list(self._processes):
            self._bury(worker)
        self._selector.close()
        self._log.close()

    # ---- life and death

    def _spawn(self, worker: int) -> None:
        ours, theirs = socket.socketpair()
        board = Board.create()
        with theirs:
            popen = subprocess.Popen(
                # -P: never import from the current directory, which may be a directory of images.
                [sys.executable, "-P", "-m", self._module,
                 str(theirs.fileno()), str(board.descriptor), str(os.getpid())],
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=self._log,
                pass_fds=(theirs.fileno(), board.descriptor),
                env=environment(),
            )  # fmt: skip
        ours.setblocking(False)
        now = time.monotonic()
        self._processes[worker] = _Process(popen, ours, board, started=now, heard=now)
        self._selector.register(ours, selectors.EVENT_READ, worker)
        self._send(worker, self._start_message)

    def _send(self, worker: int, data: bytes) -> None:
        process = self._processes.get(worker)
        if process is None:
            return
        process.outbox += data
        self._flush(worker)

    def _flush(self, worker: int) -> None:
        process = self._processes[worker]
        try:
            while process.outbox:
                sent = process.socket.send(process.outbox)
                del process.outbox[:sent]
        except BlockingIOError:
            pass
        except OSError:
            process.outbox.clear()  # it is gone; the read side will say so
        writes = selectors.EVENT_WRITE if process.outbox else 0
        self._selector.modify(process.socket, selectors.EVENT_READ | writes, worker)

    def _hear(self, worker: int) -> list[Event]:
        process = self._processes[worker]
        events: list[Event] = []
        try:
            data = process.socket.recv(READ_SIZE)
            if not data:
                return [self._bury(worker)]
            process.heard = time.monotonic()
            for payload in process.reader.feed(data):
                rows = protocol.parse_counters(payload)
                if rows is None:
                    events.append(self._take(worker, process, payload))
                else:
                    self._counters += rows
        except BlockingIOError:
            pass
        except (protocol.ProtocolError, FrameError) as error:
            events.append(self._bury(worker, cause=f"{error}; killed"))
        except OSError:
            events.append(self._bury(worker))
        return events

    def _take(self, worker: int, process: _Process, payload: bytes) -> Event:
        event = protocol.parse(worker, payload, process.leased)
        if isinstance(event, WorkerReady):
            process.ready = True
        elif isinstance(event, Answered):
            images = process.leased[event.lease]
            for answer in event.answers:
                del images[answer.index]
            if not images:
                del process.leased[event.lease]
        return event

    def _bury(self, worker: int, cause: str = "", *, timeout: bool = False) -> WorkerDied:
        """Make sure that a worker is dead, learn what it died of and with, let go of it."""
        process = self._processes.pop(worker)
        self._selector.unregister(process.socket)
        process.socket.close()
        if not cause and process.popen.poll() is None:
            _wait(process.popen, 0.5)  # end of stream comes a moment before the end
        if process.popen.poll() is None:
            process.popen.kill()
            _wait(process.popen, DEATH_WAIT_S)
        in_hand = [h for h in process.board.in_hand() if h.stage in BLAMED]
        process.board.close()
        given = {index for images in process.leased.values() for index in images}
        return WorkerDied(
            worker,
            cause or _cause(process.popen.returncode),
            timeout=timeout,
            in_flight=tuple(sorted(h.index for h in in_hand if h.index in given)),
            stage=next((h.stage for h in in_hand if h.index in given), ""),
        )

    # ---- deadlines

    def _check_deadlines(self) -> list[Event]:
        now = time.monotonic()
        since_last = now - self._checked
        if since_last < CHECK_S:
            return []
        self._checked = now
        if since_last > STALL_GRACE_S:
            # This process itself stood still (SIGSTOP, a suspended laptop): so did the workers.
            self._excused = now
        events: list[Event] = []
        for worker, process in list(self._processes.items()):
            overdue = self._overdue(process, now)
            if overdue:
                events.append(self._bury(worker, cause=overdue, timeout=process.ready))
        return events

    def _overdue(self, process: _Process, now: float) -> str:
        """Why this worker must be killed; empty if it need not."""
        if not process.ready:
            late = now - process.started > LOADING_LIMIT_S
            return "still loading after 30 minutes" if late else ""
        if not process.leased:
            return ""
        for hand in process.board.in_hand():
            if hand.stage in BLAMED:
                since = max(hand.since / 1e9, self._excused)
                if hand.stage == "infer":
                    # A request may queue behind others on its device: answers are signs of life.
                    since = max(since, process.heard)
                if now - since > self._timeout:
                    return f"no progress in {hand.stage} for {self._timeout:g} s"
        alive = max(process.board.last_beat / 1e9, process.heard, self._excused)
        if now - alive > self._timeout + SILENCE_GRACE_S:
            return f"silent for {self._timeout:g} s"
        return ""


def _wait(popen: subprocess.Popen[bytes], seconds: float) -> None:
    with contextlib.suppress(subprocess.TimeoutExpired):
        popen.wait(seconds)


def _cause(status: int | None) -> str:
    """An exit status in words."""
    if status is None:
        return "cannot be killed; given up"
    if status >= 0:
        return f"exit status {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = f"signal {-status}"
    return f"{name} (often: out of memory)" if name == "SIGKILL" else name
