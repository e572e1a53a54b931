"""Has some of a run's images decide what its model does not say.

What was chosen stands in the manifest, so that the next session takes the same; a run whose model
is known never comes here.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from batchcls.backends.question import Question
from batchcls.errors import BatchclsError, InterruptedByUser, StoppedError
from batchcls.images import ImageRef
from batchcls.job.job import Job
from batchcls.wire import leased

MODULE = "batchcls.worker.choosing"
MOST_IMAGES = 96
TIMEOUT_S = 90.0
"""The trial itself adds no image after 20 s: what takes so long hangs."""

STEP_S = 0.1


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


def answer_to(
    module: str,
    request: Mapping[str, Any],
    log_file: Path,
    waiting: Callable[[], None],
    timeout_s: float,
) -> dict[str, Any]:
    """Ask a process of its own, while no worker is there.

    Args:
        module: see `Question`.
        log_file: takes what the process prints.
        waiting: called several times a second.
        timeout_s: to wait at most.

    Raises:
        InterruptedByUser: `waiting` says that a signal came.
        BatchclsError: the process says that the job is wrong, died, or gave no answer in time.
        OSError: there can be no process.
    """
    until = time.monotonic() + timeout_s
    with log_file.open("ab") as words:
        question = Question(module, request, words)
        try:
            while not question.answered:
                waiting()
                if time.monotonic() > until:
                    raise StoppedError(f"no answer in {timeout_s:g} s")
                time.sleep(STEP_S)
            return question.answer()
        finally:
            question.close()


def _undecided(why: str) -> dict[str, Any]:
    words = f"the images could not decide what to guess ({why}); the usual guess is taken"
    return {"name": "", "images": 0, "words": words}
