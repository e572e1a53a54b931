"""One worker process: leases in, records out, over one socket. Owns nothing that is shared.

It is expendable: it may be killed at any instruction. It leaves when told to, when the other
end of its socket closes, and when its parent dies.
"""

import contextlib
import ctypes
import faulthandler
import gc
import json
import os
import resource
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from batchcls.board import Board
from batchcls.confine import bound_memory, confine
from batchcls.errors import BatchclsError
from batchcls.images import ImageRef, Picture
from batchcls.job.job import Job
from batchcls.messages import CANARY, Answer, WorkerStats
from batchcls.pipeline import Done, Pipeline
from batchcls.wire import protocol
from batchcls.wire.frames import LENGTH, frame

STEP_S = 0.25
REPORT_ANSWERS = 32
REPORT_S = 0.05


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
        """Send all answers that wait, a message per lease, the statistics with the first."""
        by_lease: dict[int, list[Answer]] = {}
        for done in self._waiting:
            by_lease.setdefault(done.lease, []).append(done.answer)
        self._waiting = []
        self._sent = time.monotonic()
        stats: WorkerStats | None = pipeline.stats(resident_bytes())
        for lease, answers in by_lease.items():
            self.send(protocol.encode_answers(lease, answers, stats))
            stats = None


def resident_bytes() -> int:
    """This process's resident memory."""
    try:
        pages = int(Path("/proc/self/statm").read_bytes().split()[1])
        return pages * resource.getpagesize()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


class Reader:
    """Reads the images of the leases, and the canary."""

    def __init__(self, max_bytes: int) -> None:
        from batchcls.sources import read_image

        self.root = ""
        self._max_bytes = max_bytes
        self._read = read_image

    def __call__(self, image: ImageRef) -> bytes:
        """An image's bytes.

        Raises:
            ImageError: it cannot be read.
        """
        if image == CANARY:
            from batchcls.builtin.canary import canary_image

            return canary_image()
        return self._read(self.root, image.path, self._max_bytes)


def serve(inbox: Inbox, outbox: Outbox, pipeline: Pipeline, reader: Reader, board: Board) -> None:
    """Answer leases until told to stop."""
    stopping = False
    inbox.on_arrival = pipeline.wake
    while True:
        while (message := inbox.take()) is not None:
            match message["t"]:
                case "lease":
                    reader.root = message["root"]
                    pipeline.add(*protocol.decode_lease(message))
                case "stop":
                    stopping = True
                    if message["drain"]:
                        pipeline.drop_waiting()
        if stopping and pipeline.idle and not outbox.waiting:
            return  # before a step: it would wait for work that nobody sends any more
        board.beat()
        outbox.add(pipeline.step(STEP_S))
        if outbox.due(idle=pipeline.idle):
            outbox.report(pipeline)


def open_pipeline(start: Mapping[str, Any], reader: Reader, board: Board) -> tuple[Any, Pipeline]:
    """Load the model and build the pipeline around it.

    Raises:
        BatchclsError: the job is wrong: model, device or labels.
    """
    from batchcls.decode.decode import decode_picture
    from batchcls.decode.memory import keep
    from batchcls.decode.opencv import load as load_opencv
    from batchcls.decode.policy import DecodePolicy

    # Before the model side imports it too: where it cannot be, this says so in words.
    load_opencv().setNumThreads(1)

    from batchcls.model.devices.threads import Threads
    from batchcls.model.infer.classifier import Classifier

    job = Job.from_dict(start["job"])
    classifier = Classifier.open(job, Threads(**start["threads"]))
    policy = DecodePolicy(reduced=job.decode == "reduced")
    at_least = policy.at_least(classifier.needs)

    def decode(data: bytes, whole: bool) -> Picture:
        return decode_picture(data, policy, None if whole else at_least)

    pipeline = Pipeline(
        classifier,
        reader,
        decode,
        board,
        start["decode_threads"],
        job.facts,
        alternate=start["alternate"],
    )
    give_back()
    keep()
    gc.freeze()  # what is loaded stays: no use in looking through it for garbage, ever again
    return classifier, pipeline


def give_back() -> None:
    """Return to the system what loading the model needed and freed: 3 to 20 MB that glibc holds."""
    with contextlib.suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)


Open = Callable[[Mapping[str, Any], Reader, Board], tuple[Any, Pipeline]]


def main(open_pipeline: Open = open_pipeline) -> None:
    """Entry point of the process: descriptors and the parent's number on the command line.

    Args:
        open_pipeline: loads the model; the tests load a fake one.
    """
    from batchcls.decode.limits import apply as apply_decoder_limits

    faulthandler.enable()
    apply_decoder_limits()
    descriptor, board_descriptor, parent = map(int, sys.argv[1:4])
    confine(parent)
    connection = socket.socket(fileno=descriptor)
    board = Board(board_descriptor)
    inbox, outbox = Inbox(connection), Outbox(connection)
    start = inbox.first()
    reader = Reader(start["max_bytes"])
    try:
        classifier, pipeline = open_pipeline(start, reader, board)
        bound_memory(start["job"]["worker_memory"])
    except BatchclsError as error:
        outbox.send(protocol.encode("refused", error=type(error).__name__, message=str(error)))
        os._exit(2)
    outbox.send(protocol.encode("ready", description=classifier.description))
    serve(inbox, outbox, pipeline, reader, board)
    if start["job"]["perf_counts"]:
        rows = [row.as_dict() for row in classifier.perf_counts()]
        outbox.send(protocol.encode("counters", rows=rows))
    classifier.settle()
    connection.shutdown(socket.SHUT_RDWR)
    # Native runtimes tear down slowly, and may hang doing so; everything is sent.
    os._exit(0)


if __name__ == "__main__":
    main()
