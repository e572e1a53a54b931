"""The same model on the plain CPU, in f32 and exactly: what other devices are measured by."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from batchcls.errors import ImageError, ModelError
from batchcls.job.job import Job
from batchcls.job.threads import Threads
from batchcls.model.infer.classifier import Classifier
from batchcls.model.infer.comparing import reference

ANSWER_S = 20.0


class CpuReference:
    """A job's model as the reference computes it.

    Args:
        threads: what the reference may use.
        guess: as of `Classifier.open`.
        files: the state of the model's files when the device's was read.

    Raises:
        ModelError: they are other files by now, or the CPU cannot compile it.
    """

    def __init__(
        self, job: Job, threads: Threads, guess: str | None, files: Sequence[object]
    ) -> None:
        few = replace(threads, batch_size=1, nireq=1)
        self._classifier = Classifier.open(reference(job), few, guess)
        if self._classifier.description["model"]["files"] != files:
            raise ModelError("the model's files have changed since the run began")

    def ask(self, tensor: NDArray[Any]) -> NDArray[np.float32] | None:
        """Probabilities, (classes,), of one model input; None where there is no answer."""
        scores = self._classifier.rings[0].ask([tensor], ANSWER_S)
        if scores is None:
            return None
        try:
            return self._classifier.probabilities(scores[0])
        except ImageError:
            return None
