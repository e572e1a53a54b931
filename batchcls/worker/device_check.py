"""Labels a sample on a job's devices and on the CPU, and compares: the process of a device check.

Rules of this file:

1. The reference is the same model on the CPU, in f32, exactly, one image at a time.
2. Each picture is decoded once. Both sides prepare it as they prepare every image.
3. Devices see the sample twice: in order, and backwards at other places of the batch.
4. It ends in time: the reference and each pass of each device have the same share of it, and what
   was done by then is compared. Where something hangs, the process ends without an answer.
5. A device that answers the same to every image, where the reference does not, agrees on none:
   most images may be of one class, and that class may be the one it has got stuck in.
"""

import faulthandler
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from batchcls.decode.decode import decode_picture
from batchcls.decode.opencv import load as load_opencv
from batchcls.decode.policy import DecodePolicy
from batchcls.errors import ImageError
from batchcls.images import ImageRef
from batchcls.model.devices.agreement import CLEAR
from batchcls.model.infer import comparing
from batchcls.model.infer.classifier import Classifier
from batchcls.model.infer.ring import Ring
from batchcls.sources.ahead import Ahead
from batchcls.wire import leased
from batchcls.wire.start import StartMessage

ANSWER_S = 20.0
MOST_BYTES = 256 << 20
"""Of prepared images; models that take pictures of any size get fewer of them."""

Scores = NDArray[np.float32]
_NONE: Scores = np.full(1, np.nan, np.float32)


def find(request: Mapping[str, Any]) -> dict[str, Any]:
    """Compare.

    Args:
        request: "start" of a worker, images as `wire.leased` has them, "seconds" at most.

    Returns:
        "devices": one for each device string, as `model.devices.agreement.Agreement`.
    """
    load_opencv().setNumThreads(1)
    start = StartMessage.from_json(request["start"])
    asked = Classifier.open(start.job, start.threads, start.guess)
    asked.listen(lambda data: decode_picture(data, DecodePolicy(), None))
    threads = replace(start.threads, batch_size=1, nireq=1)
    plain = Classifier.open(comparing.reference(start.job), threads, start.guess)
    seconds = request["seconds"]
    faulthandler.dump_traceback_later(2 * seconds + 3 * ANSWER_S, exit=True)
    share = seconds / (1 + 2 * len(asked.rings))
    until = time.monotonic() + share
    images = leased.from_json(request)
    inputs: list[NDArray[Any]] = []
    truths: list[Scores] = []
    late = False
    for mine, its in _prepared(images, asked, plain):
        if late := time.monotonic() > until and bool(inputs):
            break
        truth = _answers(plain, plain.rings[0], [its], until)[0]
        if not np.isnan(truth).any():
            inputs.append(mine)
            truths.append(truth)
    found = [_compare(asked, ring, inputs, truths, share) for ring in asked.rings]
    for one in found:
        one["cut_short"] = late or one["images"] < len(inputs)
    return {"devices": found}


def _prepared(
    images: Sequence[ImageRef], asked: Classifier, plain: Classifier
) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
    """The images that can be decoded, as inputs of both."""
    source, policy, room = Ahead(images), DecodePolicy(raw=True), MOST_BYTES
    for image in images:
        try:
            picture = decode_picture(source.read(image), policy, None)
            both = asked.prepare(picture), plain.prepare(picture)
        except ImageError:
            continue  # the run says what is wrong with it
        if (room := room - both[0].nbytes) < 0:
            return
        yield both


def _compare(
    classifier: Classifier,
    ring: Ring,
    inputs: Sequence[NDArray[Any]],
    truths: Sequence[Scores],
    share: float,
) -> dict[str, Any]:
    begun = time.monotonic()
    first = _answers(classifier, ring, inputs, begun + share)
    took = time.monotonic() - begun
    # Backwards, and behind a stranger: in a batch, each is at another place than before.
    strangers = inputs[:1] if ring.batch_size > 1 else []
    backwards = [*strangers, *inputs[: len(first)][::-1]]
    turned = _answers(classifier, ring, backwards, time.monotonic() + share)
    again = turned[len(strangers) :][::-1]
    again = [*first[: len(first) - len(again)], *again]
    truth = truths[: len(first)]
    clear = [n for n, scores in enumerate(truth) if comparing.lead(scores) >= CLEAR]
    agreed = sum(
        comparing.best(truth[n]) == comparing.best(first[n]) == comparing.best(again[n])
        for n in clear
    )
    if _constant(first) and not _constant(truth):
        agreed = 0
    return {
        "device": ring.device,
        "echo": classifier.description["echo"].get(ring.device, ""),
        "images": len(first),
        "clear": len(clear),
        "agreed": agreed,
        "correlation": _correlation(truth, first),
        "worst": _apart(truth, first),
        "varies": _apart(first, again),
        "fps": len(first) / took if took else 0.0,
    }


def _answers(
    classifier: Classifier, ring: Ring, inputs: Sequence[NDArray[Any]], until: float
) -> list[Scores]:
    """Probabilities, (classes,) each; NaN where there is no answer, or one of no numbers."""
    found: list[Scores] = []
    step = max(8, ring.batch_size)
    for first in range(0, len(inputs), step):
        if found and time.monotonic() > until:
            break
        batch = inputs[first : first + step]
        begun = time.monotonic()
        answered = ring.ask(batch, ANSWER_S)
        if answered is None and len(batch) > 1 and time.monotonic() - begun < ANSWER_S:
            # Refused at once: it may have been for one of them.
            answered = [one for image in batch for one in ring.ask([image], ANSWER_S) or [_NONE]]
        for scores in answered or [_NONE] * len(batch):
            try:
                found.append(classifier.probabilities(scores))
            except ImageError:
                found.append(_NONE)
    return found


def _constant(answers: Sequence[Scores]) -> bool:
    """There are several, and no two of them differ."""
    return len(answers) > 1 and all(np.array_equal(answers[0], one) for one in answers[1:])


def _apart(one: Sequence[Scores], other: Sequence[Scores]) -> float:
    """The largest difference; 1 where an answer is missing or no number."""
    worst = 0.0
    for a, b in zip(one, other, strict=True):
        if a.shape != b.shape or np.isnan(a).any() or np.isnan(b).any():
            return 1.0
        worst = max(worst, float(np.abs(a - b).max()))
    return worst


def _correlation(one: Sequence[Scores], other: Sequence[Scores]) -> float:
    pairs = [(a, b) for a, b in zip(one, other, strict=True) if a.shape == b.shape]
    if not pairs:
        return 0.0
    a, b = (np.concatenate(side).astype(np.float64) for side in zip(*pairs, strict=True))
    spread = a.std() * b.std()
    return float(((a - a.mean()) * (b - b.mean())).mean() / spread) if spread else 0.0
