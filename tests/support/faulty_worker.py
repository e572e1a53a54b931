"""A worker whose images say, by their names, how and where it must die or hang.

``decode.SEGV.3.img`` dies of SIGSEGV whenever it is decoded; ``infer.HANG.4.img`` hangs without
letting go of anything that Python could interrupt; ``receive.KILL.once.img`` dies once. All else is
the real worker: its loop, its pipe, its board. Only model and decoder are fakes.
"""

import ctypes
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from batchcls.images import ImageRef, Picture, Prediction
from batchcls.messages import CANARY
from batchcls.wire.frames import frame
from batchcls.wire.start import StartMessage
from batchcls.worker.__main__ import main
from batchcls.worker.mailbox import Outbox
from batchcls.worker.pipeline import Pipeline
from batchcls.worker.serving import Reader
from batchcls.worker.stage_board import Board
from tests.support.fakes import FakeClassifier, FakeRing

SIGNALS = {"KILL", "SEGV", "ABRT", "BUS", "STOP"}


def die(how: str) -> None:
    """Die, hang or fail, as asked."""
    if how in SIGNALS:
        os.kill(os.getpid(), getattr(signal, f"SIG{how}"))
        time.sleep(60)
    elif how in {"EXIT0", "EXIT1"}:
        os._exit(int(how[-1]))
    elif how == "MEMORY":
        raise MemoryError
    elif how == "RAISE":
        raise RuntimeError("something unforeseen")
    elif how == "HANG":
        ctypes.PyDLL(None).sleep(600)  # PyDLL keeps the interpreter's lock


def struck(name: str, stage: str) -> str:
    """How this image's name says to die at this stage; empty if it does not, or has done so."""
    parts = Path(name).name.split(".")
    if parts[0] != stage:
        return ""
    if "once" in parts:
        mark = f"{os.environ['FAULT_MARKS']}/{Path(name).name}"
        try:
            os.close(os.open(mark, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return ""
    return parts[1]


def strike(name: str, stage: str) -> None:
    """If this image's name says so, die at this stage."""
    die(struck(name, stage))


class FaultyRing(FakeRing):
    """Dies inside `start`, as a device would inside its driver."""

    def start(self, tags: Sequence[Any], images: Sequence[NDArray[np.float32]]) -> None:
        super().start(tags, images)
        for work in tags:
            strike(work.image.path, "infer")
            if work.image == CANARY and os.environ.get("FAULT_CANARY"):
                die("SEGV")


class FaultyClassifier(FakeClassifier):
    """The fake classifier, with a model that says which class by the image's last digit."""

    description: Mapping[str, Any] = {
        "model": "faulty", "devices": {"used": ["FAKE"]}, "fingerprint": {}, "warnings": [],
    }  # fmt: skip

    def prepare(
        self, image: Picture, into: NDArray[np.float32] | None = None
    ) -> NDArray[np.float32]:
        strike(image.pixels.decode(errors="replace"), "preprocess")
        return super().prepare(replace(image, pixels=image.pixels[-1:]), into)

    def outcome(self, scores: NDArray[np.float32]) -> tuple[Prediction, ...]:
        return (Prediction(int(scores[0]) % 4, "x", 0.5),)


class FaultyReader(Reader):
    """The real reader; some images kill it."""

    def __call__(self, image: ImageRef) -> bytes:
        strike(image.path, "read")
        return super().__call__(image)


def decode(data: bytes, whole: bool) -> Picture:
    strike(data.decode(errors="replace"), "decode")
    time.sleep(float(os.environ.get("FAULT_SLOW", "0")))
    return Picture(data, 8, 8)


def open_pipeline(start: StartMessage, board: Board) -> tuple[FaultyClassifier, Pipeline]:
    if os.environ.get("FAULT_LOADING"):
        die(os.environ["FAULT_LOADING"])
    classifier = FaultyClassifier(FaultyRing(nireq=2), FaultyRing("FAKE2", nireq=2))
    pipeline = Pipeline(
        classifier, FaultyReader(), decode, board, start.decode_threads,
        alternate=start.alternate,
    )  # fmt: skip
    real_add = pipeline.add

    def add(lease: int, images: Sequence[ImageRef]) -> None:
        for image in images:
            strike(image.path, "receive")
        real_add(lease, images)

    pipeline.add = add  # type: ignore[method-assign]  # the point where a lease arrives
    return classifier, pipeline


class FaultyOutbox(Outbox):
    """Dies half-way through sending the answers of some images."""

    def send(self, payload: bytes) -> None:
        for part in payload.split(b'"path":"')[1:]:
            how = struck(part.split(b'"')[0].decode(), "send")
            if how:
                data = frame(payload)
                self._connection.sendall(data[: len(data) // 2])
                die(how)
        super().send(payload)


if __name__ == "__main__":
    sys.argv[0] = "faulty_worker"
    main(open_pipeline, FaultyOutbox)
