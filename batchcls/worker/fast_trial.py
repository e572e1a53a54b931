"""Looks at some images in f32 and in cheaper ways, and times each: the process of a trial.

Rules of this file:

1. All looks are at the same images, in turns of a few, so that a machine that is busy with
   something else slows each. Where pictures are large, first looks are at smaller ones too; the
   exact one is at the picture in full.
2. It ends in time: what the first turns take says how many there can be.
3. Nothing is decided here: leads and times go back (`batchcls.running.fast_choice`).
"""

import faulthandler
import statistics
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from batchcls.decode.decode import decode_picture
from batchcls.decode.opencv import load as load_opencv
from batchcls.decode.policy import DecodePolicy
from batchcls.errors import BatchclsError, ImageError, ModelError
from batchcls.images import ImageRef
from batchcls.job.fast_plan import BF16, FastPlan
from batchcls.job.job import Job
from batchcls.model.devices import cpu
from batchcls.model.infer.classifier import Classifier
from batchcls.model.infer.first_look import first_look
from batchcls.sources.ahead import Ahead
from batchcls.wire import leased
from batchcls.wire.start import StartMessage

ANSWER_S = 20.0
TURN = 8
LEAST = 0.4
"""Of the time that there is: it is for looking, however much longer an INT8 model took."""
NO_BF16 = "this processor does not compute in bf16"
MOST = 1e9
"""Stands for infinity, which JSON does not have: a lead where there is no other class."""
Seen = tuple[float, float, bool, float]


def find(request: Mapping[str, Any]) -> dict[str, Any]:
    """Look.

    Args:
        request: "start" of a worker, images as `wire.leased` has them; "plans", the first looks to
            try, each with the path of its model; "seconds" at most, and "share": at most as much as
            so many images take without a first look, "spent" of both.

    Returns:
        "refused": why a first look is none, by its name, or why there can be none, by "";
        "looks": of the others, by name, "seen": for each image as `running.fast_choice.Seen`, or
        None where it has no answer; "costs", as `running.fast_choice.Costs`.
    """
    load_opencv().setNumThreads(1)
    faulthandler.dump_traceback_later(2 * request["seconds"] + 6 * ANSWER_S, exit=True)
    start = StartMessage.from_json(request["start"])
    exact = Classifier.open(start.job, start.threads, start.guess)
    if exact.description["int8"] != "none":
        return {"refused": {"": "the model is quantised already"}, "looks": {}}
    opened: dict[str, Classifier] = {}
    refused: dict[str, str] = {}
    looks: list[tuple[FastPlan, Classifier]] = []
    for data, model in request["plans"]:
        plan = FastPlan.from_dict(data)
        try:
            if plan.first not in opened and plan.first not in refused:
                opened[plan.first] = _opened(start, plan, model)
        except BatchclsError as error:
            refused[plan.first] = str(error)
        if plan.first in opened:
            looks.append((plan, opened[plan.first]))
    if not looks:
        return {"refused": refused, "looks": {}}
    images = list(leased.from_json(request))
    trial = _Trial(start.job, exact, looks, images)
    trial.look(images[:TURN])  # the first time, memory is cold
    trial.forget()
    begun, done = time.monotonic(), 0
    while done < len(images):
        trial.look(images[done : done + TURN])
        done += TURN
        spent = time.monotonic() - begun
        may = min(request["seconds"], request["share"] * trial.without)
        may -= min(request["spent"], (1 - LEAST) * may)
        if spent * (1 + TURN / done) > may:
            break
    for first in opened.values():
        first.settle()  # cached: no worker has to compile it once more
    return {"refused": refused, "looks": trial.found()}


def _opened(start: StartMessage, plan: FastPlan, model: str) -> Classifier:
    """A first look's model.

    Raises:
        ModelError: it cannot be one.
    """
    if plan.first == BF16 and not cpu.has(BF16):
        raise ModelError(NO_BF16)
    first = Classifier.open(first_look(start.job, plan, model), start.threads, start.guess)
    if plan.first == BF16 and set(first.description["precision"].values()) != {BF16}:
        raise ModelError(NO_BF16)
    return first


class _Trial:
    """What was seen so far.

    Args:
        looks: first looks, with their models.
        images: those to look at.
    """

    def __init__(
        self,
        job: Job,
        exact: Classifier,
        looks: Sequence[tuple[FastPlan, Classifier]],
        images: Sequence[ImageRef],
    ) -> None:
        self._exact, self._looks = exact, list(looks)
        self._usual = "small" if job.decode == "reduced" else "full"
        self._source = Ahead(images)
        self._policy = replace(DecodePolicy.of(job), reduced=True)
        self._at_least = self._policy.at_least(exact.needs)
        self._large = 0
        self._begin()

    def _begin(self) -> None:
        self._seen: dict[str, list[Seen | None]] = {plan.name: [] for plan, _ in self._looks}
        self._spent: defaultdict[str, list[float]] = defaultdict(list)

    def forget(self) -> None:
        """Begin again, at whole pictures alone if hardly any would be decoded smaller."""
        if self._usual == "full" and 2 * self._large < TURN:
            self._looks = [look for look in self._looks if not look[0].reduced]
            self._at_least = None
        self._begin()

    def found(self) -> dict[str, dict[str, Any]]:
        """By name of the first look, as `find` returns it."""
        return {
            plan.name: {"seen": self._seen[plan.name], "costs": self._costs(plan)}
            for plan, _ in self._looks
        }

    def _costs(self, plan: FastPlan) -> dict[str, float]:
        """Seconds of an image with this first look, by part."""
        return {
            "prepare": self._median("small" if plan.reduced else "full"),
            "first": self._median(plan.name),
            "exact": self._median("exact"),
            "whole": self._median("whole") if plan.reduced else 0.0,
            "without": self.without,
        }

    def _median(self, part: str) -> float:
        """Of the turns."""
        return statistics.median(self._spent[part]) if self._spent[part] else 0.0

    @property
    def without(self) -> float:
        """Seconds of an image without a first look."""
        return self._median(self._usual) + self._median("exact")

    def look(self, images: Sequence[ImageRef]) -> None:
        """A turn."""
        spent = {"small": 0.0, "full": 0.0, "whole": 0.0}
        smalls, wholes, prepared = [], [], []
        for number, image in enumerate(images):
            began = time.perf_counter()
            try:
                data = self._source.read(image)
                read = time.perf_counter()
                picture = decode_picture(data, self._policy, self._at_least)
                smalls.append(self._exact.prepare(picture))
            except ImageError:
                continue  # the run says what is wrong with it
            done = time.perf_counter()
            wholes.append(smalls[-1])
            prepared.append(number)
            spent["small"] += done - began
            if picture.scale > 1:
                self._large += 1
                whole = decode_picture(data, self._policy, None)  # the same file, which is right
                wholes[-1] = self._exact.prepare(whole)
                whole_s = time.perf_counter() - done
                spent["whole"] += whole_s
                spent["full"] += read - began + whole_s
            else:
                spent["full"] += done - began
        if not smalls:
            for none in self._seen.values():
                none += [None] * len(images)
            return
        for part, seconds in spent.items():
            self._spent[part].append(seconds / len(smalls))
        right = self._answers("exact", self._exact, wholes)
        for plan, first in self._looks:
            answers = self._answers(plan.name, first, smalls if plan.reduced else wholes)
            seen: list[Seen | None] = [None] * len(images)
            for number, here, exact in zip(prepared, answers, right, strict=False):
                seen[number] = self._compared(here, exact)
            self._seen[plan.name] += seen

    def _answers(
        self, part: str, classifier: Classifier, inputs: Sequence[NDArray[Any]]
    ) -> Sequence[NDArray[np.float32]]:
        began = time.perf_counter()
        found = classifier.rings[0].ask(inputs, ANSWER_S)
        self._spent[part].append((time.perf_counter() - began) / len(inputs))
        return found or ()

    def _compared(self, first: NDArray[np.float32], exact: NDArray[np.float32]) -> Seen | None:
        judge = self._exact
        try:
            there = judge.outcome(exact)
        except ImageError:
            return None
        try:
            here = judge.outcome(first)
        except ImageError:  # no numbers: it is looked at again
            return (-1.0, -1.0, False, 0.0)
        kept = judge.kept(first, exact)
        apart = abs(here[0].score - there[0].score) if kept > 0 and here and there else 0.0
        sets = [{one.index for one in top[:5]} for top in (here, there)]
        lead = min(judge.lead(first), MOST)
        return (lead, min(kept, MOST), sets[0] == sets[1], apart)
