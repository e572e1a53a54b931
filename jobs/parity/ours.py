"""batchcls's side: its public path from a file's bytes to the tensor that enters the model."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np

from batchcls.decode.limits import apply as apply_decoder_limits

apply_decoder_limits()

from batchcls.decode.decode import decode  # noqa: E402 - the limits come first
from batchcls.decode.policy import DecodePolicy  # noqa: E402 - the limits come first
from batchcls.job.job import Job  # noqa: E402
from batchcls.job.threads import Threads  # noqa: E402
from batchcls.model.infer.classifier import Classifier  # noqa: E402
from jobs.parity.cases import Tensor  # noqa: E402

WAIT_S = 60.0
__all__ = ["DecodePolicy", "Opened", "decode"]


class Opened:
    """A model, opened as a worker opens it, and asked one picture at a time."""

    def __init__(self, classifier: Classifier) -> None:
        self.classifier = classifier
        self._ring = classifier.rings[0]

    @classmethod
    def open(cls, model: Path, options: Mapping[str, Any]) -> Self:
        """Open a model argument under a job's options.

        Raises:
            BatchclsError: as batchcls says it.
        """
        job = Job(sources=("-",), model=str(model), infer_precision="f32", **options)
        return cls(Classifier.open(job, Threads(nthreads=1, nstreams="1", nireq=1)))

    def scores(self, pixels: Any) -> Tensor:
        """Raw scores of a decoded picture, (classes,)."""
        return self.scores_of(self.classifier.prepare(pixels))

    def scores_of(self, tensor: Any) -> Tensor:
        """Raw scores of a prepared picture, (classes,)."""
        self._ring.start(("only",), [tensor])
        finished = self._ring.wait(WAIT_S)
        if finished is None or finished.error is not None:
            raise RuntimeError(f"inference failed: {finished}")
        return np.array(finished.scores[0], np.float32)

    @property
    def layout(self) -> str:
        """Of the model's own input."""
        shape = self.classifier.description["model"]["inputs"][0]["shape"]
        return "NCHW" if shape.split(",")[1].strip(" []") == "3" else "NHWC"
