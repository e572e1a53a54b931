"""Says after a run without `--fast` by how much it would have been quicker here, as measured.

Rules of this file:

1. It takes at most a hundredth of the processor time that the session took, and the lines are all
   written by then. What was measured is kept in the user's cache.
2. Where programs read what we print, or nobody does, nothing is measured: what is kept is said.
3. Nothing in here fails a run.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from batchcls.backends.question import answer_to
from batchcls.display.snapshot import Snapshot
from batchcls.errors import BatchclsError, UsageError
from batchcls.images import ImageRef
from batchcls.job.job import Job
from batchcls.job.typed import command
from batchcls.running.fast_choice import PAYS, Costs
from batchcls.running.kept import Kept
from batchcls.wire import leased
from batchcls.wire.start import StartMessage

log = logging.getLogger("batchcls")

MODULE = "batchcls.worker.fast_glance"
IMAGES = 16
SECONDS = 0.25
TIMEOUT_S = 60.0
SHARE = 0.01
STARTS_S = 1.0
"""Of one core, for the process and its models."""
LOOKS = 5
"""As much as so many images of the run, besides: both looks of two images, at least."""
AGAIN = 0.1
"""Share of second looks that is reckoned with; of photographs, 8 to 18% were."""


def suits(job: Job) -> bool:
    """Whether a run of this job could have `--fast`."""
    try:
        replace(job, fast=True, sources=job.sources or ("-",)).check()
    except UsageError:
        return False
    return not job.cluster


def words(
    start: StartMessage,
    description: Mapping[str, Any],
    shot: Snapshot,
    workers: int,
    sample: Callable[[int, int], Sequence[ImageRef]],
    log_file: Path,
    waiting: Callable[[], None],
) -> str:
    """A sentence for the summary, and the line to type; "" where there is nothing to say.

    Args:
        start: of the run's workers.
        description: what one of them made of the model.
        shot: the last of the session.
        workers: how many there were.
        sample: at most so many of the images, and at most one in so many.
        log_file: takes what the process prints.
        waiting: called several times a second.
    """
    job = start.job
    exact = {*description.get("precision", {}).values()} == {"f32"}
    if job.fast or not exact or description.get("int8") != "none" or not suits(job):
        return ""
    hardware = description.get("hardware", {})
    facts = {"fingerprint": description.get("fingerprint"), "hardware": hardware}
    kept = Kept("faster", facts, used=job.cache)
    found = kept.find()
    try:
        if found is None:
            if job.progress in ("json", "none") or not _affordable(shot, workers):
                return ""
            images = {**leased.to_json(sample(IMAGES, 1)), "seconds": SECONDS}
            request = {"start": start.to_json(), **images}
            found = answer_to(MODULE, request, log_file, waiting, TIMEOUT_S)
            kept.keep(found)
        costs, images_seen = found["costs"], found["images"]
        gain = Costs(**costs).gain(AGAIN) if costs else 0.0
    except (BatchclsError, OSError, TypeError, KeyError, ValueError) as error:
        log.info("how fast `--fast` would be was not measured: %s", error)
        return ""
    if gain < PAYS:
        return ""
    before = Path(job.output)
    output = before.with_name(f"{before.stem}-fast{before.suffix}")
    line = command(job, fast=True, output=str(output))
    return (
        f"`--fast` would be about {gain:.1f} times as fast here (bf16, measured on {images_seen} "
        "of these images); before its first line it measures how many best classes stay the "
        f"same: {line}"
    )


def _affordable(shot: Snapshot, workers: int) -> bool:
    if shot.rate_mean <= 0 or not workers:
        return False
    costs_s = STARTS_S + LOOKS * workers / shot.rate_mean
    return costs_s <= SHARE * shot.elapsed_s * workers
