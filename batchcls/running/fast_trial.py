"""Has some of a run's images looked at both ways before the night, and decides what `--fast` does.

The plan stands in the manifest: later sessions, workers, machines and, with `--fast-plan`, other
shards take it from there. Where there can be no trial, the run is as it is without `--fast`.
"""

import contextlib
import logging
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from batchcls.backends.deadlines import LOADING_LIMIT_S
from batchcls.backends.question import answer_to
from batchcls.errors import BatchclsError, InterruptedByUser, RefusedError
from batchcls.images import ImageRef
from batchcls.job.fast_plan import BF16, FOLDERS, INT8, FastPlan
from batchcls.job.job import Job
from batchcls.results import first_look
from batchcls.results.manifest import Manifest, load
from batchcls.results.rundir import RunPaths
from batchcls.results.storage import Storage
from batchcls.running import fingerprint
from batchcls.running.fast_choice import FEW, thirds
from batchcls.running.fast_verdict import SECONDS, SHARE, as_always, judged, require_kept
from batchcls.sources.sample import scattered
from batchcls.version import QUANTIZE
from batchcls.wire import leased
from batchcls.wire.start import StartMessage

log = logging.getLogger("batchcls")

MODULE = "batchcls.worker.fast_trial"
MAKES_INT8 = "batchcls.quantize.first_look"
IMAGES = 300
NO_NNCF = f"it needs NNCF (`pip install '{QUANTIZE}'`)"
TELLS_NOTHING = frozenset({"fast", "top", "with", "labels", "always"})
"""Of what a job asks for: what does not change how often two looks agree."""


def known(
    job: Job,
    paths: RunPaths,
    before: Manifest | None,
    storage: Storage,
    asked: Mapping[str, Any] | None,
) -> FastPlan | None:
    """The plan of a run that has one; None where a trial is to make it, or none is asked for.

    Args:
        paths: of the run.
        before: what the run goes on from.
        asked: by `fingerprint.asked`, if it is known by now.

    Raises:
        RefusedError: `--fast-plan` names no run with a plan, or one that kept fewer best classes
            than this job asks for, or its INT8 model is gone.
    """
    if not job.fast:
        return None
    if before is not None:
        kept = first_look.plan_of(before.settings, job.output)
        return kept or as_always("this run was begun without it; `--fresh` begins anew")
    if job.fast_plan is None:
        return None
    theirs = RunPaths.find(job.fast_plan)
    other = load(storage, theirs.manifest)
    plan = None if other is None else first_look.plan_of(other.settings, job.fast_plan)
    if other is None or plan is None:
        raise RefusedError(
            f"--fast-plan {job.fast_plan}: that run was begun without `--fast`; name the results "
            "of one that has measured"
        )
    asked = fingerprint.normal(asked or fingerprint.asked(job))
    if different := sorted(
        key for key, value in other.settings["asked"].items()
        if key not in TELLS_NOTHING and value != asked.get(key)
    ):  # fmt: skip
        raise RefusedError(
            f"--fast-plan {job.fast_plan}: what that run measured does not hold here; this one "
            f"differs in {', '.join(different)}\n"
            "hint: without `--fast-plan`, `--fast` measures on your own images"
        )
    require_kept(plan, job, job.fast_plan)
    if not first_look.take_over(plan, theirs, paths, storage):
        raise RefusedError(
            f"--fast-plan {job.fast_plan}: the INT8 model of its first look, "
            f"{plan.model_in(theirs.directory)}, is missing"
        )
    return plan


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
        log_file: takes what the processes print; in the run's directory, as its INT8 model.
        waiting: called several times a second.

    Raises:
        InterruptedByUser: `waiting` says that a signal came.
        RefusedError: the run is not to begin so; see `fast_verdict.judged`.
    """
    if len(images) < FEW:
        return as_always(f"a run of {total:,} images is too small to measure it on")
    images = scattered(images)  # where there is time for a part of them only
    bounds = {
        "start": start.to_json(),
        "seconds": SECONDS,
        "share": SHARE * total / max(1, workers),
        "spent": 0.0,
    }

    def ask(module: str, images: Sequence[ImageRef], **more: Any) -> dict[str, Any]:
        request = {**bounds, **leased.to_json(images), **more}
        return answer_to(module, request, log_file, waiting, 2 * SECONDS + LOADING_LIMIT_S)

    made: dict[str, Any] = {"model": ""}
    try:
        made = _int8(partial(ask, MAKES_INT8, thirds(images)[0]), log_file.parent)
        bounds["spent"] = made["spent"]
        plans = [FastPlan(BF16), *([FastPlan(INT8, model=made["model"])] if made["model"] else ())]
        smaller = [replace(plan, reduced=True) for plan in plans]
        # Where each picture is decoded smaller anyway, there is no other first look.
        plans = smaller if start.job.decode == "reduced" else plans + smaller
        named = [(plan.as_dict(), str(plan.model_in(log_file.parent))) for plan in plans]
        found = ask(MODULE, images, plans=named)
        if why := made["refused"]:
            log.warning("no INT8 model for --fast: %s", why)
            found["refused"][INT8] = why
        plan = judged(found, start.job, plans)
    except (InterruptedByUser, RefusedError):
        raise
    except (BatchclsError, OSError, TypeError, KeyError, ValueError) as error:
        log.warning("the trial of --fast came to nothing: %s", error)
        plan = as_always(f"it could not be measured ({error})")
    _sweep(log_file.parent, plan)
    return plan


def _sweep(directory: Path, plan: FastPlan) -> None:
    """Remove models of first looks that neither this plan nor a manifest there names."""
    kept = plan.model
    for manifest in (directory / "manifest.json", directory / "next" / "manifest.json"):
        with contextlib.suppress(OSError):
            kept += manifest.read_text(encoding="utf-8")
    for folder in directory.glob(f"{FOLDERS}*"):
        if folder.name.removeprefix(FOLDERS) not in kept:
            shutil.rmtree(folder, ignore_errors=True)


def _int8(ask: Callable[..., dict[str, Any]], directory: Path) -> dict[str, Any]:
    """An INT8 model, or why there is none, as `quantize.first_look` says it."""
    if find_spec("nncf") is None:
        return {"model": "", "refused": NO_NNCF, "spent": 0.0}
    began = time.monotonic()
    try:
        return ask(folder=str(directory))
    except InterruptedByUser:
        raise
    except (BatchclsError, OSError) as error:
        return {"model": "", "refused": str(error), "spent": time.monotonic() - began}
