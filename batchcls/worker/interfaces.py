"""What the pipeline asks of whatever runs the model: a ring of requests per device, and answers.

`batchcls.model` is the real one; the tests' fake passes the same contract tests.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

from batchcls.images import Picture, Prediction

Array = Any
"""A NumPy array; the engine never looks inside one."""


class Finished(Protocol):
    """A completed infer request."""

    @property
    def tags(self) -> Sequence[Any]:
        """What `Ring.start` was given, one for each image."""

    @property
    def scores(self) -> Array:
        """Shape (images, classes), float32; without the rows that filled up the batch."""

    @property
    def latency_s(self) -> float:
        """Seconds from start to completion."""

    @property
    def error(self) -> str | None:
        """Why the device refused the request, None if it did not."""

    @property
    def features(self) -> Array | None:
        """Shape (images, features), float16; None where the job keeps none."""


class Ring(Protocol):
    """Infer requests of one device, started round-robin, the oldest awaited first."""

    @property
    def device(self) -> str:
        """The device string it was compiled for."""

    @property
    def nireq(self) -> int:
        """Requests."""

    @property
    def batch_size(self) -> int:
        """Images in one request."""

    @property
    def in_flight(self) -> int:
        """Requests that are running."""

    @property
    def has_free(self) -> bool:
        """A request can be started."""

    def input_row(self, ahead: int) -> Array | None:
        """Where an image can be made that is to be started after so many others; None: nowhere."""

    def start(self, tags: Sequence[Any], images: Sequence[Array]) -> None:
        """Start the next request with up to `batch_size` images."""

    def poll(self) -> Finished | None:
        """The oldest request, if it has completed."""

    def wait(self, timeout_s: float) -> Finished | None:
        """The oldest request, waited for at most so long."""

    def wait_all(self, timeout_s: float) -> None:
        """Until all that is started has completed, at most so long; `poll` hands it back."""


class Classifier(Protocol):
    """A model made ready on every device of the job."""

    @property
    def rings(self) -> Sequence[Ring]:
        """One per device string."""

    def prepare(self, image: Picture, into: Array | None = None) -> Array:
        """A decoded image as the model's input; called by any thread.

        Made in `into`, a place of the ring's, if there is one.
        """

    def outcome(self, scores: Array) -> tuple[Prediction, ...]:
        """The top-N of one image's scores; raises `ImageError` where they are no numbers."""

    def always(self, scores: Array) -> tuple[Prediction, ...]:
        """What is written of these scores whatever its rank; raises as `outcome`."""

    def lead(self, scores: Array) -> float:
        """By how much one image's answer is ahead of any other, in nats; raises as `outcome`."""

    def uncertainty(self, scores: Array, facts: Collection[str]) -> Mapping[str, float]:
        """Of margin and entropy those asked for, from all of one image's scores."""

    def notes(self) -> Sequence[str]:
        """What has come to light about the model since the last call, for people."""
