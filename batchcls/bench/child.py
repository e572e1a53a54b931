"""One measuring process: loads what it needs, says so, waits for the start, measures, answers.

A process of its own, since the one that the command runs in loads neither OpenVINO nor OpenCV, and
since the layout with a process per core needs several. Spoken over standard input and output, one
line of JSON each: the order in, "ready" out, any line in, the answer out; then the next start.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from batchcls.errors import BatchclsError, ImageError
from batchcls.wire.start import StartMessage

Measure = Callable[[], dict[str, Any]]
WARM_UP = 8
ANSWER_S = 30.0


def inference(order: Mapping[str, Any]) -> tuple[Measure, dict[str, Any]]:
    """Keeps one ring full with the same image."""
    import numpy as np

    from batchcls.model.infer.classifier import Classifier

    start = StartMessage.from_json(order["start"])
    classifier = Classifier.open(start.job, start.threads)
    (ring,) = classifier.rings
    noise = np.random.default_rng(0).integers(0, 255, (480, 640, 3), np.uint8)
    images = [classifier.prepare(noise)] * ring.batch_size
    tags = range(ring.batch_size)
    number, seconds = order["number_iter"], order["seconds"]

    def keep_busy(least: int, until: float) -> tuple[int, list[float], float]:
        """Start at least so many requests, and more until then; return when all are done."""
        latencies: list[float] = []
        started = 0
        begun = time.perf_counter()
        while True:
            while ring.has_free and (started < least or time.perf_counter() - begun < until):
                ring.start(tags, images)
                started += 1
            if not ring.in_flight:
                return started, latencies, time.perf_counter() - begun
            if (done := ring.wait(1.0)) is not None:
                if done.error is not None:
                    raise RuntimeError(done.error)
                latencies.append(done.latency_s)

    def measure() -> dict[str, Any]:
        count, latencies, took = keep_busy(number, 0.0 if number else seconds)
        return {"fps": count * ring.batch_size / took, "latency": latencies}

    keep_busy(max(WARM_UP, 2 * ring.nireq), 0.3)
    about = {
        "precision": classifier.description["precision"],
        "execution": classifier.description["devices"][0]["execution"],
        "nireq": ring.nireq,
        "batch_size": ring.batch_size,
    }
    return measure, about


def preparation(order: Mapping[str, Any]) -> tuple[Measure, dict[str, Any]]:
    """Reads, decodes and preprocesses images as a worker does, one after the other.

    Some twice, where the job decodes them smaller and the answer to that is close.
    """
    from batchcls.decode.decode import decode_picture
    from batchcls.decode.opencv import load as load_opencv
    from batchcls.decode.policy import CLOSE, DecodePolicy
    from batchcls.images import ImageRef
    from batchcls.sources.every import EveryPlace
    from batchcls.wire import leased

    load_opencv().setNumThreads(1)

    from batchcls.model.infer.classifier import Classifier

    start = StartMessage.from_json(order["start"])
    classifier = Classifier.open(start.job, start.threads)
    policy = DecodePolicy.of(start.job)
    at_least = policy.at_least(classifier.needs)
    source, images = EveryPlace(), leased.from_json(order)

    def is_close(image: ImageRef) -> bool:
        try:
            picture = decode_picture(source.read(image), policy, at_least)
            if picture.scale == 1:
                return False
            classifier.rings[0].start([image], [classifier.prepare(picture)])
            done = classifier.rings[0].wait(ANSWER_S)
            return done is not None and not done.error and classifier.lead(done.scores[0]) < CLOSE
        except ImageError:
            return False

    close = [image for image in images if is_close(image)] if at_least else []
    looks = [(image, at_least) for image in images] + [(image, None) for image in close]
    twice = len(close) if at_least else None

    def measure() -> dict[str, Any]:
        clock = time.perf_counter
        spent = [0.0, 0.0, 0.0]
        failed = 0
        for image, least in looks:
            try:
                begun = clock()
                data = source.read(image)
                read = clock()
                picture = decode_picture(data, policy, least)
                decoded = clock()
                classifier.prepare(picture)
                done = clock()
            except ImageError:
                failed += 1
                continue
            for stage, took in enumerate((read - begun, decoded - read, done - decoded)):
                spent[stage] += took
        good = max(1, len(images) - failed)
        return {"ms": [1000 * one / good for one in spent], "failed": failed, "twice": twice}

    measure()  # the first pass fills the file cache
    return measure, {}


KINDS = {"inference": inference, "preparation": preparation}


def main() -> None:
    """Entry point of the process."""
    from batchcls.decode.limits import apply as apply_decoder_limits

    apply_decoder_limits()
    # What native libraries print must not come between the answers.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)

    def answer(**content: Any) -> None:
        answers.write(json.dumps(content) + "\n")

    order = json.loads(sys.stdin.readline())
    try:
        measure, about = KINDS[order["kind"]](order)
    except BatchclsError as error:
        answer(error=type(error).__name__, message=str(error))
        return
    answer(ready=True, **about)
    while sys.stdin.readline():
        answer(**measure())


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)  # native runtimes tear down slowly
