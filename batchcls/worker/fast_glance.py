"""Times a few images of a run in bf16 and in f32: the process behind what its summary says.

Less than a trial of `--fast`: it compares no answers and takes about a second of one core, most of
it for loading the model.
"""

import faulthandler
import statistics
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from batchcls.decode.decode import decode_picture
from batchcls.decode.opencv import load as load_opencv
from batchcls.decode.policy import DecodePolicy
from batchcls.errors import ImageError
from batchcls.job.fast_plan import BF16
from batchcls.model.devices import cpu
from batchcls.model.infer.classifier import Classifier
from batchcls.sources.ahead import Ahead
from batchcls.wire import leased
from batchcls.wire.start import StartMessage

ANSWER_S = 20.0
LOADING_S = 120.0


def find(request: Mapping[str, Any]) -> dict[str, Any]:
    """Look.

    Args:
        request: "start" of a worker, images as `wire.leased` has them, and "seconds": no image is
            begun after so many, but for the first two.

    Returns:
        "costs", as `running.fast_choice.Costs`, of the median image; empty where this processor has
        no bf16, or no two images could be looked at. "images": how many were.
    """
    load_opencv().setNumThreads(1)
    faulthandler.dump_traceback_later(LOADING_S + 6 * ANSWER_S, exit=True)
    if not cpu.has(BF16):
        return {"costs": {}, "images": 0}
    start = StartMessage.from_json(request["start"])
    exact = Classifier.open(start.job, start.threads, start.guess)
    in_bf16 = replace(start.job, infer_precision=BF16)
    first = Classifier.open(in_bf16, start.threads, start.guess)
    if set(first.description["precision"].values()) != {BF16}:
        return {"costs": {}, "images": 0}
    images = leased.from_json(request)
    policy, source, clock = DecodePolicy.of(start.job), Ahead(images), time.perf_counter
    at_least = policy.at_least(exact.needs)
    found: list[tuple[float, float, float]] = []
    began = clock()
    for image in images:
        if len(found) > 1 and clock() - began > request["seconds"]:
            break
        try:
            times = [clock()]
            prepared = exact.prepare(decode_picture(source.read(image), policy, at_least))
        except ImageError:
            continue
        times.append(clock())
        for classifier in (first, exact):
            if classifier.rings[0].ask([prepared], ANSWER_S) is None:
                return {"costs": {}, "images": 0}
            times.append(clock())
        found.append((times[1] - times[0], times[2] - times[1], times[3] - times[2]))
    first.settle()  # cached, for when it is used
    del found[:1]  # memory is cold
    if not found:
        return {"costs": {}, "images": 0}
    prepare, cheap, full = map(statistics.median, zip(*found, strict=True))
    costs = {"prepare": prepare, "first": cheap, "exact": full}
    return {"costs": costs, "images": len(found)}
