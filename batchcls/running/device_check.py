"""Has devices label a sample beside the CPU before the night; `agreement` decides what that means.

What was measured is kept in the user's cache: the same model, devices, drivers and options are not
measured again.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from batchcls.backends.deadlines import LOADING_LIMIT_S
from batchcls.backends.question import Question
from batchcls.errors import BatchclsError, InterruptedByUser
from batchcls.images import ImageRef
from batchcls.model.devices import agreement
from batchcls.model.devices.agreement import FEW, Agreement
from batchcls.results import echoes
from batchcls.running.kept import Kept
from batchcls.wire import leased
from batchcls.wire.start import StartMessage

log = logging.getLogger("batchcls")

MODULE = "batchcls.worker.device_check"
SECONDS = 60

Ask = Callable[[Mapping[str, Any], IO[bytes]], Question]
"""From a request and where to log to a process at work on it."""


def ask(request: Mapping[str, Any], words: IO[bytes]) -> Question:
    """Ask a process on this machine."""
    return Question(MODULE, request, words)


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of it.

    Attributes:
        found: one for each device; none where nothing had to be checked, or could be.
        forget: keeps none of it for later runs.
    """

    found: Sequence[Agreement] = ()
    warnings: Sequence[str] = ()
    forget: Callable[[], None] = lambda: None

    def as_dict(self) -> dict[str, Any]:
        """Its part of a run's description."""
        return {
            "agreement": [one.as_dict() for one in self.found],
            "agreed": [str(one) for one in self.found],
        }


def check(
    start: StartMessage,
    description: Mapping[str, Any],
    sample: Callable[[int], Sequence[ImageRef]],
    log_file: Path,
    ask: Ask,
    meanwhile: Callable[[Callable[[], bool]], None],
) -> Checked:
    """Refuse devices that label otherwise than the CPU, as far as they can be judged.

    Args:
        description: a worker's, and under "asked" what `fingerprint.asked` makes of the job.
        sample: at most so many of the images.
        log_file: takes what the process says.
        meanwhile: goes on with the run until what it is given is true.

    Raises:
        DeviceError: a device that surely labels otherwise.
        InterruptedByUser: a stop request came.
    """
    job = start.job
    if not agreement.unchecked(job, description):
        return Checked()
    hardware, echo = description.get("hardware", {}), echoes.heard(description).devices
    facts = {
        # Of what else may change answers, these are no part of a fingerprint.
        "options": [job.hint, job.plugin, job.plugins],
        "asked": description["asked"],
        "echo": dict(echo),
        "guess": start.guess,
        "hardware": hardware,
        "threads": asdict(start.threads),
    }
    kept = Kept("checked", facts, used=job.cache)
    found = _known(kept.find())
    found = found or _measure(start, sample(agreement.IMAGES), log_file, ask, meanwhile)
    agreement.require(found, job.device_agreement, hardware)
    if job.device_agreement and not job.mixed_processors:
        agreement.require_steady(found, echo)
    # What fails is measured again: the machine may have been restarted since.
    if found and all(one.clear >= FEW for one in found):
        kept.keep([one.as_dict() for one in found])
    if not found:
        return Checked(warnings=[f"the devices could not be checked; {log_file} says why"])
    return Checked(found, agreement.warnings(found, echo), kept.forget)


def _measure(
    start: StartMessage,
    images: Sequence[ImageRef],
    log_file: Path,
    ask: Ask,
    meanwhile: Callable[[Callable[[], bool]], None],
) -> list[Agreement]:
    """Compare a job's devices with the CPU; none where that could not be done."""
    try:
        with log_file.open("ab") as words:
            return compare(start, images, words, ask, meanwhile)
    except InterruptedByUser:
        raise
    except (BatchclsError, OSError, TypeError, KeyError) as error:
        log.warning("the device check came to nothing: %s", error)
        return []


def compare(
    start: StartMessage,
    images: Sequence[ImageRef],
    words: IO[bytes],
    ask: Ask,
    meanwhile: Callable[[Callable[[], bool]], None],
) -> list[Agreement]:
    """Have each device of a job label images beside the CPU.

    Args:
        images: of one inputs list.
        words: takes what the process says.
        meanwhile: returns when what it is given is true.

    Raises:
        BatchclsError: the job is wrong, or the process died.
        OSError: there can be no process.
    """
    request = {
        "start": start.to_json(),
        **leased.to_json(images),
        "seconds": SECONDS,
    }
    question = ask(request, words)
    until = time.monotonic() + SECONDS + LOADING_LIMIT_S
    try:
        meanwhile(lambda: question.answered or time.monotonic() > until)
        return [Agreement.from_dict(one) for one in question.answer()["devices"]]
    finally:
        question.close()


def _known(content: Any) -> list[Agreement]:
    """What was kept; none where it is of another shape."""
    try:
        return [Agreement.from_dict(one) for one in content or ()]
    except (ValueError, TypeError):
        return []
