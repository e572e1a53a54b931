"""Has some of a run's images looked at both ways before the night, and decides what `--fast` does.

The plan stands in the manifest: later sessions, workers, machines and, with `--fast-plan`, other
shards take it from there. Where there can be no trial, the run is as it is without `--fast`.
"""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from batchcls.backends.deadlines import LOADING_LIMIT_S
from batchcls.decode.policy import CLOSE
from batchcls.errors import BatchclsError, InterruptedByUser, RefusedError
from batchcls.images import ImageRef
from batchcls.job.fast_plan import BF16, FastPlan
from batchcls.job.job import Job
from batchcls.results.manifest import Manifest, load
from batchcls.results.rundir import RunPaths
from batchcls.results.storage import Storage
from batchcls.running.fast_choice import FEW, PAYS, Choice, Costs, Seen, choose
from batchcls.running.guessing import answer_to
from batchcls.wire import leased
from batchcls.wire.start import StartMessage

log = logging.getLogger("batchcls")

MODULE = "batchcls.worker.fast_trial"
IMAGES = 300
SECONDS = 90.0
SHARE = 0.1
"""Of the time that the run would take without."""
SETTING = "fast"
"""Of a manifest's settings: the plan."""


def known(job: Job, before: Manifest | None, storage: Storage) -> FastPlan | None:
    """The plan of a run that has one; None where a trial is to make it, or none is asked for.

    Args:
        before: what the run goes on from.

    Raises:
        RefusedError: `--fast-plan` names no run with a plan.
    """
    if not job.fast:
        return None
    if before is not None:
        kept = before.settings.get(SETTING)
        return FastPlan() if kept is None else FastPlan.from_dict(kept)
    if job.fast_plan is None:
        return None
    other = load(storage, RunPaths.find(job.fast_plan).manifest)
    kept = None if other is None else other.settings.get(SETTING)
    if kept is None:
        raise RefusedError(
            f"--fast-plan {job.fast_plan}: that run was begun without `--fast`; name the results "
            "of one that has measured"
        )
    return FastPlan.from_dict(kept)


def decide(
    start: StartMessage,
    images: Sequence[ImageRef],
    total: int,
    workers: int,
    log_file: Path,
    waiting: Callable[[], None],
) -> FastPlan:
    """Make a plan.

    Args:
        start: of a worker.
        images: some of the run's, spread over its list.
        total: images that the run labels.
        workers: how many there are to be.
        log_file: takes what the process prints.
        waiting: called several times a second.

    Raises:
        InterruptedByUser: `waiting` says that a signal came.
    """
    if len(images) < FEW:
        return _as_always(f"a run of {total:,} images is too small to measure it on")
    request = {
        "start": start.to_json(),
        **leased.to_json(images),
        "seconds": SECONDS,
        "share": SHARE * total / max(1, workers),
    }
    try:
        timeout_s = 2 * SECONDS + LOADING_LIMIT_S
        return judged(answer_to(MODULE, request, log_file, waiting, timeout_s), start.job)
    except InterruptedByUser:
        raise
    except (BatchclsError, OSError, TypeError, KeyError, ValueError) as error:
        log.warning("the trial of --fast came to nothing: %s", error)
        return _as_always(f"it could not be measured ({error})")


def judged(found: dict[str, Any], job: Job) -> FastPlan:
    """The plan that an answer of the trial leads to."""
    if why := found["refused"]:
        return _as_always(why)
    seen = [Seen(*one) for one in found["seen"]]
    if len(seen) < FEW:
        return _as_always(
            f"to measure it would take more than {SHARE:.0%} of the run, or {SECONDS:g} s"
        )
    least = CLOSE if job.decode == "reduced" else 0.0  # smaller pictures have one of their own
    choice = choose(seen, Costs(**found["costs"]), job.fast_agreement, least)
    measured = {**choice.as_dict(), "costs": found["costs"], "chosen_on": len(seen[::3])}
    if not choice.keeps(job.fast_agreement):
        share = 100 * choice.same / choice.tested
        return _as_always(
            f"only {choice.same:,} of {choice.tested:,} images ({share:.1f}%) keep their best "
            f"class, fewer than `--fast-agreement` asks for ({job.fast_agreement:g}%)",
            measured,
        )
    if not choice.pays:
        return _as_always(
            f"the run would be {choice.gain:.2f} times as fast, and below {PAYS:g} it does not pay",
            measured,
        )
    return FastPlan(BF16, choice.margin, _words(choice), measured)


def _words(choice: Choice) -> str:
    return (
        f"{choice.words}; {choice.again:.1%} of the images are looked at again in f32, "
        f"{choice.top5:.1%} have the same five best classes, and scores of the best class differ "
        f"by up to {choice.apart:.3f}"
    )


def _as_always(why: str, measured: dict[str, Any] | None = None) -> FastPlan:
    return FastPlan(words=f"`--fast` is left out: {why}", measured=measured or {})
