"""Asks the CPU about lines that a device has made: the process of a last look at them.

Rules of this file:

1. The reference is that of the device check. Pictures are decoded once more, in full.
2. A group is lines of one device, the likeliest to be wrong first. While all agree, a few clear
   ones are enough; after one that does not, all of the group are asked.
3. It ends in time: groups that are not reached have no answers.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from batchcls.decode.decode import decode_picture
from batchcls.decode.opencv import load as load_opencv
from batchcls.decode.policy import DecodePolicy
from batchcls.errors import ImageError, ModelError
from batchcls.images import ImageRef
from batchcls.model.devices.agreement import CLEAR
from batchcls.model.infer import comparing
from batchcls.model.infer.classifier import Classifier
from batchcls.results import record
from batchcls.results.record import ParsedRecord
from batchcls.sources.ahead import Ahead
from batchcls.wire import leased
from batchcls.wire.start import StartMessage

ANSWER_S = 20.0

Judged = tuple[float, bool]
"""How clear an image is on the CPU, and whether its line says the same."""


def find(request: Mapping[str, Any]) -> dict[str, Any]:
    """Compare.

    Args:
        request: "start" of a worker, "files" of the model as the workers read them if that was
            here, "groups" of lines, their images as `wire.leased` has them, "enough" clear ones
            that agree, "seconds" at most.

    Returns:
        "judged": for each group, (lead, same) of the images that could be asked.

    Raises:
        ModelError: the model's files are others by now, or the CPU cannot compile it.
    """
    load_opencv().setNumThreads(1)
    start = StartMessage.from_json(request["start"])
    threads = replace(start.threads, batch_size=1, nireq=1)
    plain = Classifier.open(comparing.reference(start.job), threads, start.guess)
    if request["files"] not in (None, plain.description["model"]["files"]):
        raise ModelError("the model's files have changed since the run began")
    images = {image.index: image for image in leased.from_json(request)}
    until = time.monotonic() + request["seconds"]
    judged: list[list[Judged]] = []
    for group in request["groups"]:
        told = [record.parse(line.encode()) for line in group]
        judged.append(_some(_compared(plain, told, images, until), request["enough"]))
    return {"judged": judged}


def _some(compared: Iterator[Judged], enough: int) -> list[Judged]:
    """All of a group, or so many clear ones where these agree."""
    found: list[Judged] = []
    clear = 0
    for lead, same in compared:
        found.append((lead, same))
        clear += lead >= CLEAR
        if clear >= enough and all(agrees for how_clear, agrees in found if how_clear >= CLEAR):
            break
    return found


def _compared(
    plain: Classifier,
    told: Sequence[ParsedRecord],
    images: Mapping[int, ImageRef],
    until: float,
) -> Iterator[Judged]:
    source, policy = Ahead(images[line.index] for line in told), DecodePolicy()
    for line in told:
        if time.monotonic() > until:
            return
        try:
            data = source.read(images[line.index])
            tensor = plain.prepare(decode_picture(data, policy, None))
            scores = plain.rings[0].ask([tensor], ANSWER_S)
            if scores is not None:
                yield compare(plain, scores[0], line)
        except ImageError:
            continue  # it is gone or changed, or the reference has no answer either


def compare(plain: Classifier, scores: comparing.Scores, told: ParsedRecord) -> Judged:
    """A line beside the reference's raw scores of its image.

    Raises:
        ImageError: these are no numbers.
    """
    truth, own = plain.probabilities(scores), plain.outcome(scores)
    lead = comparing.lead(truth)
    if told.failure is not None:
        return (lead, False) if told.failure.kind == "bad_output" else (0.0, True)
    if not own or not told.top:  # multi-label, and no class reaches the threshold
        return abs(float(truth.max()) - plain.description["threshold"]), bool(own) == bool(told.top)
    if len(truth) == 1:
        return lead, (own[0].score >= 0.5) == (told.top[0].score >= 0.5)
    return lead, comparing.best(truth) >= 0 and own[0].index == told.top[0].index
