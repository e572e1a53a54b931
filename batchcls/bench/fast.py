"""What `--fast` would give: its trial, and the whole pipeline with what that decided."""

import statistics
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from batchcls.backends.allocation import Allocation
from batchcls.bench.feed import Feed
from batchcls.bench.figures import Fast
from batchcls.errors import RefusedError
from batchcls.images import ImageRef
from batchcls.job.job import Job
from batchcls.running import fast_trial

ENDLESS = 10**12
"""Images of a run that a trial takes no noticeable part of."""
REPEATS = 3
WARM_S = 0.5


def measure(
    job: Job,
    layout: Allocation,
    images: Sequence[ImageRef],
    log: Path,
    seconds: float,
    command: str,
) -> Fast:
    """Have the trial, and race the pipeline with its plan against the one without.

    Args:
        job: for which `fast_hint.suits`.
        layout: of the pipeline.
        images: to measure with.
        log: takes what the processes print.
        seconds: of each measurement.
        command: the run with it, as it is typed.

    Raises:
        BatchclsError: the job is wrong, or a worker dies.
    """
    start = layout.start_message(job)
    try:
        plan = fast_trial.decide(start, images, ENDLESS, layout.workers, log, lambda: None)
    except RefusedError as refusal:
        return Fast(str(refusal))
    if not plan.looks_twice:
        return Fast(plan.words, measured=plan.measured)
    with (
        closing(Feed(job, layout, images, log)) as without,
        closing(Feed(job, layout, images, log, plan)) as fast,
    ):
        rates = []
        for _ in range(REPEATS):  # in turn: what else the machine does falls on both
            rates.append([feed.measure(WARM_S, seconds).fps for feed in (without, fast)])
            without.settle()
            fast.settle()
    times = statistics.median(b / a for a, b in rates if a)
    fps = max(b for _, b in rates)
    return Fast(plan.words, times, fps, plan.measured[plan.name], command)
