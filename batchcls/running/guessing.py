"""Has some of a run's images decide what its model does not say.

What was chosen stands in the manifest, so that the next session takes the same; a run whose model
is known never comes here.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from batchcls.backends.question import answer_to
from batchcls.errors import BatchclsError, InterruptedByUser
from batchcls.images import ImageRef
from batchcls.job.job import Job
from batchcls.wire import leased

MODULE = "batchcls.worker.choosing"
MOST_IMAGES = 96
TIMEOUT_S = 90.0
"""The trial itself adds no image after 20 s: what takes so long hangs."""


def decide(
    job: Job, images: Sequence[ImageRef], log_file: Path, waiting: Callable[[], None]
) -> dict[str, Any]:
    """Let images decide which preprocessing is guessed.

    Args:
        images: some of its images, in the order in which they are tried.
        log_file: takes what the process prints.
        waiting: called several times a second.

    Returns:
        For the manifest: "name" of the preprocessing, "" for the most usual; "images" that decided
        it, 0 if none did; "words", how.

    Raises:
        InterruptedByUser: `waiting` says that a signal came.
    """
    request = {
        "job": replace(job, sources=()).as_dict(),
        **leased.to_json(images),
    }
    try:
        return answer_to(MODULE, request, log_file, waiting, TIMEOUT_S)
    except InterruptedByUser:
        raise
    except (BatchclsError, OSError) as error:
        return _undecided(str(error))


def _undecided(why: str) -> dict[str, Any]:
    words = f"the images could not decide what to guess ({why}); the usual guess is taken"
    return {"name": "", "images": 0, "words": words}
