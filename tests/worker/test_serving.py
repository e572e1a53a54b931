"""A worker's own loop: what it does with a message, and that it leaves when it is told to."""

import json
import socket
import threading
from collections import deque
from types import SimpleNamespace
from typing import Any, cast

from batchcls.images import ImageRef
from batchcls.messages import Answer, WorkerStats
from batchcls.results import record
from batchcls.wire.frames import FrameReader
from batchcls.worker.answers import Done
from batchcls.worker.mailbox import Inbox, Outbox
from batchcls.worker.pipeline import Pipeline
from batchcls.worker.serving import serve
from batchcls.worker.stage_board import Board
from tests.support.fakes import FakeClassifier, fake_decode


class Letters:
    """An inbox with these messages in it; the real one ends its process with its coordinator."""

    def __init__(self, *messages: dict[str, Any]) -> None:
        self.messages = deque(messages)
        self.on_arrival = lambda: None

    def take(self) -> dict[str, Any] | None:
        return self.messages.popleft() if self.messages else None


class Watched(Pipeline):
    """Notes whether there was anything to do at each step."""

    steps: list[bool]

    def step(self, timeout_s: float) -> list[Done]:
        self.steps.append(not self.idle)
        return super().step(timeout_s)


def read(image: ImageRef) -> bytes:
    return image.path.encode()


def served(board: Board, *messages: dict[str, Any]) -> tuple[list[bool], bytes]:
    """The steps that were taken, and what was sent."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        pipeline = Watched(FakeClassifier(), read, fake_decode, board, 0)
        pipeline.steps = []
        serve(cast(Inbox, Letters(*messages)), Outbox(ours), pipeline, board)
        pipeline.close()
        ours.shutdown(socket.SHUT_WR)
        sent = b""
        while block := theirs.recv(1 << 16):
            sent += block
    return pipeline.steps, sent


def lease(*paths: str) -> dict[str, Any]:
    return {
        "t": "lease",
        "id": 7,
        "root": "",
        "moved": [],
        "images": [list(p) for p in enumerate(paths)],
    }


def test_a_worker_told_to_leave_does_not_wait_for_more_work(board: Board) -> None:
    steps, sent = served(board, lease("a", "b", "c"), {"t": "stop", "drain": False})
    assert sent.count(b'"top"') == 3, "what it was given is answered first"
    assert all(steps), "a step with nothing to do is a wait"
    assert served(board, {"t": "stop", "drain": False}) == ([], b"")


def test_drained_it_forgets_what_it_has_not_begun(board: Board) -> None:
    steps, sent = served(board, lease("a", "b", "c"), {"t": "stop", "drain": True})
    assert (steps, sent) == ([], b"")


def test_a_report_of_very_long_lines_goes_in_several_messages() -> None:
    ours, theirs = socket.socketpair()
    heard: list[bytes] = []

    def listen() -> None:
        reader = FrameReader()
        while block := theirs.recv(1 << 20):
            heard.extend(reader.feed(block))

    listener = threading.Thread(target=listen)
    listener.start()
    with ours, theirs:
        outbox = Outbox(ours)
        lines = [b"%d" % k * (1 << 20) for k in range(9)] + [b"x" * record.MAX_LINE]
        outbox.add([Done(3, Answer(k, line)) for k, line in enumerate(lines)])
        outbox.report(cast(Pipeline, SimpleNamespace(stats=lambda rss: WorkerStats(rss=rss))))
        ours.shutdown(socket.SHUT_WR)
        listener.join()
    heads = [json.loads(message.partition(b"\n")[0]) for message in heard]
    assert [index for head in heads for index in head["i"]] == list(range(10))
    assert ["stats" in head for head in heads] == [True] + [False] * (len(heads) - 1)
    assert b"\n".join(message.partition(b"\n")[2] for message in heard) == b"\n".join(lines)
