"""Has each device of a machine label the same images beside the CPU, one after the other."""

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from batchcls.backends.allocation import decide
from batchcls.backends.listing import sample
from batchcls.backends.machine import this_machine
from batchcls.errors import BatchclsError, StoppedError
from batchcls.images import ImageRef
from batchcls.job.job import Job
from batchcls.model.devices.agreement import IMAGES, Agreement
from batchcls.running import device_check

POLL_S = 0.05

Found = Agreement | BatchclsError
"""A device beside the CPU, or why it could not be measured."""


def measure(
    job: Job, devices: Sequence[str], report: Callable[[str], None]
) -> list[tuple[str, Found]]:
    """Compare each device string with the CPU in f32.

    In a process each: a driver that crashes takes no other device with it.

    Args:
        report: called with what is being measured.

    Raises:
        SourceError: a source is missing, or there are no images.
        BatchclsError: the CPU cannot be measured either.
    """
    images = sample(job, IMAGES)
    found: list[tuple[str, Found]] = []
    for device in devices:
        report(f"{device} on {len(images)} images")
        one = _one(replace(job, device=(device,)), images)
        if device == "CPU" and isinstance(one, BatchclsError):
            raise one  # then it is not the device
        found.append((device, one))
    return found


def _one(job: Job, images: Sequence[ImageRef]) -> Found:
    start = decide(job, this_machine()).start_message(job)
    with tempfile.TemporaryFile() as words:
        try:
            return device_check.compare(start, images, words, device_check.ask, _wait)[0]
        except StoppedError:
            words.seek(0)
            last = words.read().decode(errors="replace").strip().rpartition("\n")[2]
            return StoppedError(f"its process died{last and f': {last}'}")
        except BatchclsError as error:
            return error
        except OSError as error:
            return BatchclsError(f"no process could be started: {error.strerror}")


def _wait(done: Callable[[], bool]) -> None:
    while not done():
        time.sleep(POLL_S)
