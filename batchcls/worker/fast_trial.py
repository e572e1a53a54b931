"""Looks at some images both ways, in bf16 and in f32, and times it: the process of a trial.

Rules of this file:

1. Both looks are at the same images, in turns of a few, so that a machine that is busy with
   something else slows both. With `--decode reduced` the exact one is at the picture in full.
2. It ends in time: what the first turns take says how many there can be.
3. Nothing is decided here: leads and times go back (`batchcls.running.fast_choice`).
"""

import faulthandler
import statistics
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from batchcls.decode.decode import decode_picture
from batchcls.decode.opencv import load as load_opencv
from batchcls.decode.policy import DecodePolicy
from batchcls.errors import ImageError
from batchcls.images import ImageRef
from batchcls.job.fast_plan import BF16
from batchcls.model.infer.classifier import Classifier
from batchcls.model.infer.first_look import first_look
from batchcls.sources.every import EveryPlace
from batchcls.wire import leased
from batchcls.wire.start import StartMessage

ANSWER_S = 20.0
TURN = 8
MOST = 1e9
"""Stands for infinity, which JSON does not have: a lead where there is no other class."""


def find(request: Mapping[str, Any]) -> dict[str, Any]:
    """Look.

    Args:
        request: "start" of a worker, images as `wire.leased` has them, "seconds" at most, and
            "share": at most as much as so many images take without a first look.

    Returns:
        "refused": why there can be no first look, or ""; "seen": an image each, as
        `running.fast_choice.Seen`; "costs", as `running.fast_choice.Costs`.
    """
    load_opencv().setNumThreads(1)
    faulthandler.dump_traceback_later(2 * request["seconds"] + 6 * ANSWER_S, exit=True)
    start = StartMessage.from_json(request["start"])
    exact = Classifier.open(start.job, start.threads, start.guess)
    if exact.description["int8"] != "none":
        return _refused("the model is quantised already")
    first = Classifier.open(first_look(start.job, BF16), start.threads, start.guess)
    if set(first.description["precision"].values()) != {BF16}:
        return _refused("this processor does not compute in bf16")
    trial = _Trial(exact, first, DecodePolicy.of(start.job))
    images = list(leased.from_json(request))
    trial.look(images[:TURN])  # the first time, memory is cold
    trial.forget()
    begun, done = time.monotonic(), 0
    while done < len(images):
        trial.look(images[done : done + TURN])
        done += TURN
        spent = time.monotonic() - begun
        may = min(request["seconds"], request["share"] * trial.without)
        if spent * (1 + TURN / done) > may:
            break
    first.settle()  # cached: no worker has to compile it once more
    return {"refused": "", "seen": trial.seen, "costs": trial.costs}


def _refused(why: str) -> dict[str, Any]:
    return {"refused": why, "seen": [], "costs": {}}


class _Trial:
    """What was seen so far.

    Attributes:
        seen: as `find` returns it.
    """

    def __init__(self, exact: Classifier, first: Classifier, policy: DecodePolicy) -> None:
        self._exact, self._first, self._policy = exact, first, policy
        self._source = EveryPlace()
        self._at_least = policy.at_least(exact.needs)
        self.forget()

    def forget(self) -> None:
        """Begin again."""
        self.seen: list[tuple[float, float, bool, float]] = []
        self._spent: dict[str, list[float]] = {"prepare": [], "first": [], "exact": [], "whole": []}

    @property
    def costs(self) -> dict[str, float]:
        """Seconds of an image, by part: those of the median turn."""
        return {part: statistics.median(spent) for part, spent in self._spent.items() if spent}

    @property
    def without(self) -> float:
        """Seconds of an image without a first look."""
        return sum(self.costs.get(part, 0.0) for part in ("prepare", "exact"))

    def look(self, images: Sequence[ImageRef]) -> None:
        """A turn."""
        began, whole_s = time.perf_counter(), 0.0
        inputs, wholes = [], []
        for image in images:
            try:
                data = self._source.read(image)
                picture = decode_picture(data, self._policy, self._at_least)
                inputs.append(self._exact.prepare(picture))
            except ImageError:
                continue  # the run says what is wrong with it
            wholes.append(inputs[-1])
            if picture.scale > 1:
                since = time.perf_counter()
                whole = decode_picture(data, self._policy, None)  # the same file, which is right
                wholes[-1] = self._exact.prepare(whole)
                whole_s += time.perf_counter() - since
        if not inputs:
            return
        self._took("prepare", began + whole_s, len(inputs))
        self._spent["whole"].append(whole_s / len(inputs))
        answers = []
        looks = (("first", self._first, inputs), ("exact", self._exact, wholes))
        for part, classifier, given in looks:
            began = time.perf_counter()
            answers.append(classifier.rings[0].ask(given, ANSWER_S))
            self._took(part, began, len(inputs))
        for first, exact in zip(answers[0] or (), answers[1] or (), strict=False):
            self._compare(first, exact)

    def _took(self, part: str, began: float, images: int) -> None:
        self._spent[part].append((time.perf_counter() - began) / images)

    def _compare(self, first: NDArray[np.float32], exact: NDArray[np.float32]) -> None:
        judge = self._exact
        try:
            there = judge.outcome(exact)
        except ImageError:
            return
        try:
            here = judge.outcome(first)
        except ImageError:  # no numbers: it is looked at again
            self.seen.append((-1.0, -1.0, False, 0.0))
            return
        kept = judge.kept(first, exact)
        apart = abs(here[0].score - there[0].score) if kept > 0 and here and there else 0.0
        sets = [{one.index for one in top[:5]} for top in (here, there)]
        lead = min(judge.lead(first), MOST)
        self.seen.append((lead, min(kept, MOST), sets[0] == sets[1], apart))
