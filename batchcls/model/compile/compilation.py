"""What is to be compiled, and for which devices: one value, handed from step to step."""

from collections.abc import Sequence
from dataclasses import dataclass

from batchcls.job.job import Job
from batchcls.model.devices.core import Properties
from batchcls.model.devices.strings import Device
from batchcls.model.runtime import Core


@dataclass(frozen=True, slots=True)
class Compilation:
    """A job's model, to be compiled once for each of its devices.

    Attributes:
        job: names the model, its labels and preprocessing.
        core: its devices are configured.
        devices: as resolved on this machine.
        properties: those that the devices were configured with.
        guess: as of `Classifier.open`.
    """

    job: Job
    core: Core
    devices: Sequence[Device]
    properties: Properties
    batch_size: int
    guess: str | None = ""
