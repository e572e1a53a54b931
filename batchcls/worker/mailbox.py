"""The worker's end of its socket: messages in by a thread, answers out in batches."""

import json
import os
import resource
import socket
import threading
import time
from collections import deque
from pathlib import Path
from typing import Any

from batchcls.messages import Answer, WorkerStats
from batchcls.wire import protocol
from batchcls.wire.frames import LENGTH, MAX_FRAME, frame
from batchcls.worker.answers import Done
from batchcls.worker.pipeline import Pipeline

REPORT_ANSWERS = 32
REPORT_S = 0.05
MOST_LINES = MAX_FRAME // 2
"""Bytes of lines in one message, unless a single one is longer."""


class Inbox:
    """Messages from the coordinator, received by a thread of their own.

    When the coordinator's end closes, the process ends at once: nobody is left to work for.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._messages: deque[dict[str, Any]] = deque()
        self._arrived = threading.Event()
        self.on_arrival = self._arrived.set
        threading.Thread(target=self._receive, name="inbox", daemon=True).start()

    def first(self) -> dict[str, Any]:
        """The first message, waited for."""
        self._arrived.wait()
        return self._messages.popleft()

    def take(self) -> dict[str, Any] | None:
        """The next message that is there, None if there is none."""
        return self._messages.popleft() if self._messages else None

    def _receive(self) -> None:
        stream = self._connection.makefile("rb")
        while True:
            head = stream.read(LENGTH.size)
            payload = stream.read(LENGTH.unpack(head)[0]) if len(head) == LENGTH.size else b""
            if not payload:
                os._exit(0)
            self._messages.append(json.loads(payload))
            self.on_arrival()


class Outbox:
    """Answers on their way up, sent in batches so that a message costs little per image."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._waiting: list[Done] = []
        self._sent = time.monotonic()

    def send(self, payload: bytes) -> None:
        """Send a message now."""
        try:
            self._connection.sendall(frame(payload))
        except OSError:
            os._exit(0)  # the coordinator is gone

    def add(self, done: list[Done]) -> None:
        """Keep these for the next report."""
        self._waiting += done

    @property
    def waiting(self) -> bool:
        """Some are not sent yet."""
        return bool(self._waiting)

    def due(self, *, idle: bool) -> bool:
        """A report should go out: enough waits, or for long enough, or nothing more comes."""
        if not self._waiting:
            return False
        late = time.monotonic() - self._sent > REPORT_S
        return idle or late or len(self._waiting) >= REPORT_ANSWERS

    def report(self, pipeline: Pipeline) -> None:
        """Send all answers that wait, a message per lease, the statistics with the first.

        Very long lines, of thousands of classes each, are told in several messages.
        """
        messages: list[tuple[int, list[Answer]]] = []
        open_ones: dict[int, tuple[list[Answer], int]] = {}
        for lease, answer in self._waiting:
            answers, size = open_ones.get(lease, ([], 0))
            if not answers or size + len(answer.line) > MOST_LINES:
                answers, size = [], 0
                messages.append((lease, answers))
            answers.append(answer)
            open_ones[lease] = answers, size + len(answer.line)
        self._waiting = []
        self._sent = time.monotonic()
        stats: WorkerStats | None = pipeline.stats(resident_bytes())
        for lease, answers in messages:
            self.send(protocol.encode_answers(lease, answers, stats))
            stats = None


def resident_bytes() -> int:
    """This process's resident memory."""
    try:
        pages = int(Path("/proc/self/statm").read_bytes().split()[1])
        return pages * resource.getpagesize()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
