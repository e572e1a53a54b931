"""Decides from what a trial saw which first look a run has, and says why. Pure."""

from collections.abc import Mapping
from typing import Any

from batchcls.decode.policy import CLOSE
from batchcls.job.fast_plan import INT8, FastPlan
from batchcls.job.job import Job
from batchcls.running.fast_choice import FEW, PAYS, Choice, Costs, Seen, choose, thirds

SECONDS = 90.0
SHARE = 0.1
"""Of the time that the run would take without."""
NAMES = {"": "", "bf16": "in bf16, ", "int8": "in INT8, "}
"""Of first looks, before why there is none."""


def judged(found: Mapping[str, Any], job: Job, model: str = "") -> FastPlan:
    """The plan that an answer of `worker.fast_trial` leads to: the quickest that keeps its word.

    Args:
        model: hash of the INT8 model that was tried.
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
        if why := _objection(choice, job):
            refused[first] = why
        choices[first] = choice
        facts = {"costs": look["costs"], "chosen_on": len(chosen_on)}
        measured[first] = {**choice.as_dict(), **facts}
    good = [(choice.gain, first) for first, choice in choices.items() if first not in refused]
    if good:
        first = max(good)[1]
        own = model if first == INT8 else ""
        choice = choices[first]
        return FastPlan(first, choice.margin, _words(choice, first), measured, own)
    return as_always("; ".join(NAMES[name] + why for name, why in refused.items()), measured)


def as_always(why: str, measured: Mapping[str, Any] | None = None) -> FastPlan:
    """A plan without a first look."""
    return FastPlan(words=f"`--fast` is left out: {why}", measured=measured or {})


def _objection(choice: Choice, job: Job) -> str:
    """Why this is no first look; "" if it is one."""
    if not choice.keeps(job.fast_agreement):
        share = 100 * choice.same / choice.tested
        return (
            f"only {choice.same:,} of {choice.tested:,} images ({share:.1f}%) keep their best "
            f"class, fewer than `--fast-agreement` asks for ({job.fast_agreement:g}%)"
        )
    if not choice.pays:
        return f"the run is {choice.gain:.2f} times as fast, and below {PAYS:g} it does not pay"
    return ""


def _words(choice: Choice, first: str) -> str:
    return (
        f"{choice.words}; the first look is in {first}, {choice.again:.1%} of the images are "
        f"looked at again in f32, {choice.top5:.1%} have the same five best classes, and scores "
        f"of the best class differ by up to {choice.apart:.3f}"
    )
