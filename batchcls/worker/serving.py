"""What a worker does: loads the model, then answers leases until told to stop."""

import contextlib
import ctypes
import gc
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from batchcls.images import ImageRef, Picture
from batchcls.job.job import Job
from batchcls.messages import CANARY
from batchcls.sources.allowance import Allowance
from batchcls.sources.every import EveryPlace
from batchcls.sources.source import ImageReader
from batchcls.wire import protocol
from batchcls.wire.start import StartMessage
from batchcls.worker.mailbox import Inbox, Outbox
from batchcls.worker.pipeline import Pipeline
from batchcls.worker.room import Room
from batchcls.worker.stage_board import Board

if TYPE_CHECKING:
    from batchcls.worker.night_check import NightCheck
    from batchcls.worker.two_looks import TwoLooks

STEP_S = 0.25
PATIENT = 0.5
"""Share of ``--timeout`` that reading an image over a network may take: a slow server is that
image's failure, and not its worker's."""


class Reader:
    """Reads the images of the leases, and the canary."""

    def __init__(self, allowance: Allowance | None = None) -> None:
        self._source: ImageReader = EveryPlace(allowance=allowance or Allowance())

    def __call__(self, image: ImageRef) -> bytes:
        """An image's bytes.

        Raises:
            ImageError: it cannot be read.
        """
        if image == CANARY:
            from batchcls.model.builtin.canary import canary_image

            return canary_image()
        return self._source.read(image)


def serve(inbox: Inbox, outbox: Outbox, pipeline: Pipeline, board: Board) -> None:
    """Answer leases until told to stop."""
    stopping = False
    inbox.on_arrival = pipeline.wake
    while True:
        while (message := inbox.take()) is not None:
            match message["t"]:
                case "lease":
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


def open_pipeline(start: StartMessage, board: Board) -> tuple[Any, Pipeline]:
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

    from batchcls.model.infer.classifier import Classifier

    job = start.job
    classifier = Classifier.open(job, start.threads, start.guess)
    policy = DecodePolicy.of(job)
    at_least = policy.at_least(classifier.needs)

    def decode(data: bytes, whole: bool) -> Picture:
        return decode_picture(data, policy, None if whole else at_least)

    room, patience_s = Room(), PATIENT * job.timeout
    classifier.listen(lambda data: decode(data, True))
    rings = _two_looks(start, classifier, board, lambda data: decode(data, True))
    pipeline = Pipeline(
        classifier,
        Reader(Allowance(patience_s, room.take)),
        decode,
        board,
        start.decode_threads,
        job.facts,
        alternate=start.alternate,
        night=_night_check(start, classifier, board),
        rings=rings,
        room=room,
        patience_s=patience_s,
        workers=start.workers,
        keep=_keep(job),
    )
    give_back()
    keep()
    gc.freeze()  # what is loaded stays: no use in looking through it for garbage, ever again
    return classifier, pipeline


def _two_looks(
    start: StartMessage, exact: Any, board: Board, decode: Callable[[bytes], Picture]
) -> "TwoLooks | None":
    """The rings of `--fast`; None where each image has one look.

    What changes answers goes into the exact model's description.
    """
    plan = start.fast
    if plan is None or not plan.looks_twice:
        return None
    from batchcls.model.infer.classifier import Classifier
    from batchcls.model.infer.first_look import first_look
    from batchcls.worker.two_looks import TwoLooks

    looking = first_look(start.job, plan, start.first_model)
    first = Classifier.open(looking, start.threads, start.guess)
    first.listen(decode)
    said, all_of = first.description, exact.description
    all_of["echo"] |= {f"{device}, first look": echo for device, echo in said["echo"].items()}
    all_of["warnings"] += [one for one in said["warnings"] if one not in all_of["warnings"]]
    all_of["fingerprint"]["fast"] = plan.rule
    all_of["fingerprint"]["int8, first look"] = said["int8"]
    for name, precision in said["precision"].items():
        all_of["fingerprint"][f"precision.{name}, first look"] = precision
    return TwoLooks(
        first.rings, exact.rings, exact.lead, plan.margin, board, marked="look" in start.job.facts
    )


def _keep(job: Job) -> Callable[[int, Any], None] | None:
    """What takes the features of images; None where nobody keeps them."""
    if not job.embeds:
        return None
    from batchcls.worker.rows import Rows  # few runs keep any

    return Rows(job).put


def _night_check(start: StartMessage, classifier: Any, board: Board) -> "NightCheck | None":
    """What compares devices with the CPU while they label; None where there is nothing but it."""
    from batchcls.model.devices.agreement import unchecked

    devices = unchecked(start.job, classifier.description)
    if not devices:
        return None
    files = classifier.description["model"]["files"]
    from batchcls.model.infer.comparing import best, lead
    from batchcls.model.infer.reference import CpuReference
    from batchcls.worker.night_check import NightCheck

    return NightCheck(
        devices,
        lambda: CpuReference(start.job, start.threads, start.guess, files),
        classifier.probabilities,
        lambda truth, scores: (lead(truth), best(truth) == best(scores)),
        start.job.device_agreement,
        board.beat,
    )


def give_back() -> None:
    """Return to the system what loading the model needed and freed: 3 to 20 MB that glibc holds."""
    with contextlib.suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)


Open = Callable[[StartMessage, Board], tuple[Any, Pipeline]]
