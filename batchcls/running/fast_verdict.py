"""Decides from what a trial saw which first look a run has, and says why. Pure."""

import math
from collections.abc import Mapping
from typing import Any

from batchcls.decode.policy import CLOSE
from batchcls.errors import RefusedError
from batchcls.job.fast_plan import BF16, INT8, FastPlan
from batchcls.job.job import Job
from batchcls.running.fast_choice import FEW, PAYS, Choice, Costs, Seen, choose, thirds

SECONDS = 90.0
SHARE = 0.1
"""Of the time that the run would take without."""
NAMES = {"": "", BF16: "in bf16, ", INT8: "in INT8, "}
"""Of first looks, before why there is none."""


def judged(found: Mapping[str, Any], job: Job, model: str = "") -> FastPlan:
    """The plan that an answer of `worker.fast_trial` leads to: the quickest that keeps its word.

    Args:
        model: hash of the INT8 model that was tried.

    Raises:
        RefusedError: what pays keeps fewer best classes than the job asks for, and the job does not
            say that it may begin all the same.
    """
    refused: dict[str, str] = dict(found["refused"])
    choices: dict[str, Choice] = {}
    measured: dict[str, Any] = {}
    for first, look in found["looks"].items():
        chosen_on, rest = (
            [Seen(*one) for one in some if one is not None] for some in thirds(look["seen"])
        )
        if len(chosen_on) + len(rest) < FEW:
            refused[first] = (
                f"to measure it takes more than {SHARE:.0%} of the run, or {SECONDS:g} s"
            )
            continue
        # Smaller pictures have a margin of their own.
        least = CLOSE if job.decode == "reduced" else 0.0
        choice = choose(chosen_on, rest, Costs(**look["costs"]), job.fast_agreement, least)
        if not choice.pays:
            refused[first] = (
                f"the run is {choice.gain:.2f} times as fast, and below {PAYS:g} it does not pay"
            )
        choices[first] = choice
        facts = {"costs": look["costs"], "chosen_on": len(chosen_on)}
        measured[first] = {**choice.as_dict(), **facts}
    pays = [(choice.gain, first) for first, choice in choices.items() if choice.pays]
    keeps = [(gain, first) for gain, first in pays if choices[first].keeps(job.fast_agreement)]
    if not pays:
        why = "; ".join(NAMES[name] + why for name, why in refused.items())
        return as_always(why, measured)
    first = max(keeps or pays)[1]
    choice = choices[first]
    if not (keeps or job.yes):
        raise RefusedError(_below(choice, first, job.fast_agreement))
    own = model if first == INT8 else ""
    return FastPlan(first, choice.margin, _words(choice, first), measured, own)


def as_always(why: str, measured: Mapping[str, Any] | None = None) -> FastPlan:
    """A plan without a first look."""
    return FastPlan(words=f"`--fast` is left out: {why}", measured=measured or {})


def _below(choice: Choice, first: str, percent: float) -> str:
    share = math.floor(1000 * choice.same / choice.tested) / 10
    return (
        f"--fast: with the first look {NAMES[first]}only {choice.same:,} of {choice.tested:,} "
        f"images ({share:g}%) keep their best class, fewer than the {percent:g}% requested\n"
        "hint: `--yes` begins the run all the same, `--fast-agreement P%` asks for less, and "
        "without `--fast` each image is computed in f32"
    )


def _words(choice: Choice, first: str) -> str:
    return (
        f"{choice.words}; the first look is in {first}, {choice.again:.1%} of the images are "
        f"looked at again in f32, {choice.top5:.1%} have the same five best classes, and scores "
        f"of the best class differ by up to {choice.apart:.3f}"
    )
