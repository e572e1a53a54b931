"""Decides from what a trial saw which first look a run has, and says why. Pure."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from batchcls.decode.policy import CLOSE
from batchcls.errors import RefusedError
from batchcls.job.fast_plan import INT8, FastPlan
from batchcls.job.job import Job
from batchcls.running.fast_choice import FEW, PAYS, Choice, Costs, Seen, choose, thirds

SECONDS = 90.0
SHARE = 0.1
"""Of the time that the run would take without."""
ALIKE = 1.1
"""Of first looks that are as fast as each other by this, the one is taken whose answers are closest
to those in f32. The gains are measured in seconds, and off by a few percent."""


def judged(found: Mapping[str, Any], job: Job, plans: Iterable[FastPlan]) -> FastPlan:
    """The plan that an answer of `worker.fast_trial` leads to: the quickest that keeps its word.

    What is hardly slower and closer to f32 goes before it.

    Args:
        plans: that were tried.

    Raises:
        RefusedError: what pays keeps fewer best classes than the job asks for, and the job does not
            say that it may begin all the same.
    """
    refused: dict[str, str] = dict(found["refused"])
    known = {plan.name: plan for plan in plans}
    choices: dict[str, Choice] = {}
    measured: dict[str, Any] = {}
    for first, look in found["looks"].items():
        chosen_on, rest = (
            [Seen(*one) for one in some if one is not None] for some in thirds(look["seen"])
        )
        if len(chosen_on) + len(rest) < FEW:
            refused[first] = (
                f"measuring it takes more than {SHARE:.0%} of the run, or {SECONDS:g} s"
            )
            continue
        # Smaller pictures have a margin of their own.
        least = CLOSE if known[first].reduced else 0.0
        choice = choose(chosen_on, rest, Costs(**look["costs"]), job.fast_agreement, least)
        if not choice.pays:
            refused[first] = (
                f"the run is {choice.gain:.2f} times as fast, and below {PAYS:g} it does not pay"
            )
        choices[first] = choice
        facts = {"costs": look["costs"], "chosen_on": len(chosen_on)}
        measured[first] = {**choice.as_dict(), **facts}
    pays = [first for first, choice in choices.items() if choice.pays]
    keeps = [first for first in pays if choices[first].keeps(job.fast_agreement)]
    if not pays:
        names = {
            why: [name for name in refused if refused[name] == why] for why in refused.values()
        }
        why = "; ".join(_in(" and ".join(names[why]), ", ") + why for why in names)
        return as_always(why, measured)
    best = max(choices[first].gain for first in keeps or pays)
    alike = [first for first in keeps or pays if ALIKE * choices[first].gain >= best]
    first = max(alike, key=lambda one: (choices[one].top5, choices[one].gain))
    choice = choices[first]
    if not (keeps or job.yes):
        raise RefusedError(_below(choice, first, job.fast_agreement))
    words = _words(choice, first)
    return replace(known[first], margin=choice.margin, words=words, measured=measured)


def require_kept(plan: FastPlan, job: Job, results: str) -> None:
    """See that what another run measured is enough for this one.

    Args:
        results: of that run.

    Raises:
        RefusedError: as `judged` does.
    """
    found = plan.measured.get(plan.name)
    if found is None or job.yes:
        return
    choice = Choice(**{name: found[name] for name in Choice.__slots__})
    if not choice.keeps(job.fast_agreement):
        raise RefusedError(f"{results}: {_below(choice, plan.name, job.fast_agreement)}")


def as_always(why: str, measured: Mapping[str, Any] | None = None) -> FastPlan:
    """A plan without a first look."""
    return FastPlan(words=f"`--fast` is left out: {why}", measured=measured or {})


def _in(name: str, then: str = "") -> str:
    """A first look, before why there is none; "" is all of them."""
    return f"in {name.replace(INT8, 'INT8')}{then}" if name else ""


def _below(choice: Choice, first: str, percent: float) -> str:
    share = math.floor(1000 * choice.same / choice.tested) / 10
    return (
        f"--fast: with the first look {_in(first, ', ')}only {choice.same:,} of {choice.tested:,} "
        f"images ({share:g}%) keep their best class, fewer than the {percent:g}% requested\n"
        "hint: `--yes` begins the run all the same, `--fast-agreement P%` asks for less, and "
        "without `--fast` each image is computed in f32"
    )


def _words(choice: Choice, first: str) -> str:
    return (
        f"{choice.words}; the first look is {_in(first)}, {choice.again:.1%} of the images are "
        f"looked at again in f32, {choice.top5:.1%} have the same five best classes, and scores "
        f"of the best class differ by up to {choice.apart:.3f}"
    )
