"""A ring of infer requests on one device: started in turn, the oldest awaited.

Rules of this file:

1. Plain infer requests, no AsyncInferQueue: it waits without bound and can hang on destruction.
2. Requests are started round-robin and come back in the order in which they were started.
3. Images are made in the request's own input tensor (`input_row`) or copied into it, so no buffer
   of the caller's has to outlive a call (`share_inputs` would read freed memory).
4. A device's refusal is an answer (`Finished.error`), never an exception.
"""

import contextlib
from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from batchcls.messages import LayerTime
from batchcls.model.devices.core import reason
from batchcls.model.infer.layers import layer_times
from batchcls.model.runtime import Tensor


class Finished(NamedTuple):
    """A completed infer request.

    Attributes:
        tags: what `start` was given, one for each image.
        scores: (images, classes) float32, raw: `Classifier.outcome` makes them probabilities.
        latency_s: seconds from start to completion.
        error: why the device refused the request, None if it did not.
        features: (images, features) float16, where the model gives them; else None.
    """

    tags: Sequence[Any]
    scores: NDArray[np.float32]
    latency_s: float
    error: str | None = None
    features: NDArray[np.float16] | None = None


_NO_SCORES = np.empty((0, 0), np.float32)
_MOST = float(np.finfo(np.float16).max)
"""Features beyond become this, not infinite: else no two such images could be compared."""


class Ring:
    """The infer requests of one compiled model.

    Args:
        compiled: a compiled model with one image input, one score output, and perhaps features as
            a second one. Its shape is static, or open in height and width for a batch of one.
        device: the device string, as it is shown.
        nireq: infer requests; 0 = what the compiled model calls optimal.
        count_layers: collect per-layer counters (compiled with PERF_COUNT).
    """

    def __init__(
        self, compiled: Any, device: str, nireq: int = 0, *, count_layers: bool = False
    ) -> None:
        self.device = device
        self.nireq = nireq or max(1, int(compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")))
        shape = compiled.input(0).partial_shape
        self._takes_any_size = bool(shape.is_dynamic)
        self.batch_size = int(shape[0].get_length()) if len(shape) == 4 else 1
        self._requests = [compiled.create_infer_request() for _ in range(self.nireq)]
        self._inputs = [] if self._takes_any_size else [_rows(one) for one in self._requests]
        self._gives_features = len(compiled.outputs) > 1
        self._started: deque[tuple[int, Sequence[Any], str | None]] = deque()
        self._next = 0
        self._counts_layers = count_layers
        self._answered = 0

    @property
    def in_flight(self) -> int:
        """Requests that are started and not handed back yet."""
        return len(self._started)

    @property
    def has_free(self) -> bool:
        """A request can be started."""
        return len(self._started) < self.nireq

    def start(self, tags: Sequence[Any], images: Sequence[NDArray[Any]]) -> None:
        """Start the next request of the ring.

        Args:
            tags: handed back with the scores, one for each image.
            images: up to `batch_size` model inputs; a short batch leaves the rest blank.
        """
        if not self.has_free or len(tags) != len(images) or len(images) > self.batch_size:
            raise ValueError(f"{len(images)} images for a request of {self.batch_size}, or no free")
        slot = self._next
        self._next = (slot + 1) % self.nireq
        refused = None
        try:
            self._fill(slot, images)
            self._requests[slot].start_async()
        except Exception as error:  # noqa: BLE001 - a refusal is an answer (rule 4)
            refused = reason(error)
        self._started.append((slot, tuple(tags), refused))

    def input_row(self, ahead: int) -> NDArray[Any] | None:
        """Where an image can be made that is to be started after so many others.

        With none before it, and none running, the ring begins with its first request again: a
        micro-batch stays within the memory of few requests, warm from the one before.

        Args:
            ahead: images that are made but not started yet, in full batches.

        Returns:
            (height, width, channels) of a request's own memory; None where its request is not free
            yet, or takes images of any size.
        """
        if not ahead and not self._started:
            self._next = 0
        request, row = divmod(ahead, self.batch_size)
        if self._takes_any_size or len(self._started) + request >= self.nireq:
            return None
        return self._inputs[(self._next + request) % self.nireq][row]

    def _fill(self, slot: int, images: Sequence[NDArray[Any]]) -> None:
        if self._takes_any_size:
            self._requests[slot].set_input_tensor(0, Tensor(images[0][None]))  # copies
            return
        rows = self._inputs[slot]
        for row, image in zip(rows, images, strict=False):
            if image is not row:
                row[...] = image
        for blank in rows[len(images) :]:
            blank[...] = 0

    def ask(
        self, images: Sequence[NDArray[Any]], timeout_s: float
    ) -> list[NDArray[np.float32]] | None:
        """Raw scores, (classes,) each, from a request beside the ring.

        Args:
            images: model inputs, as for `start`; any number.
            timeout_s: a request is waited for at most so long.

        Returns:
            None where the device refuses, or does not answer in time.
        """
        found: list[NDArray[np.float32]] = []
        try:
            request = self._requests[0].get_compiled_model().create_infer_request()
            for first in range(0, len(images), self.batch_size):
                batch = images[first : first + self.batch_size]
                if self._takes_any_size:
                    request.set_input_tensor(0, Tensor(batch[0][None]))
                else:
                    rows = _rows(request)
                    for row, image in zip(rows, batch, strict=False):
                        row[...] = image
                    for blank in rows[len(batch) :]:
                        blank[...] = 0
                request.start_async()
                if not request.wait_for(int(timeout_s * 1000)):
                    return None
                scores = request.get_output_tensor(0).data
                found += [np.array(row, np.float32) for row in scores[: len(batch)]]
        except Exception:  # noqa: BLE001 - a refusal is an answer (rule 4)
            return None
        return found

    def poll(self) -> Finished | None:
        """The oldest request, if it has completed."""
        return self.wait(0.0)

    def wait(self, timeout_s: float) -> Finished | None:
        """The oldest request, waited for at most so long; None if it is still running."""
        if not self._started:
            return None
        slot, tags, refused = self._started[0]
        if refused is not None:
            self._started.popleft()
            return Finished(tags, _NO_SCORES, 0.0, refused)
        request = self._requests[slot]
        try:
            if not request.wait_for(int(timeout_s * 1000)):
                return None
            # A copy: the request's output is overwritten when it is started again.
            scores = np.array(request.get_output_tensor(0).data, np.float32)[: len(tags)]
            latency = request.latency / 1000
            self._answered += 1
            features = None
            if self._gives_features:
                features = request.get_output_tensor(1).data[: len(tags)]
                features = np.clip(features, -_MOST, _MOST).astype(np.float16)
            finished = Finished(tags, scores, latency, features=features)
        except Exception as error:  # noqa: BLE001 - a refusal is an answer (rule 4)
            finished = Finished(tags, _NO_SCORES, 0.0, reason(error))
        self._started.popleft()
        return finished

    def wait_all(self, timeout_s: float) -> None:
        """Wait until all that is started has completed, at most so long; `poll` hands it back.

        One wait for the newest request: whoever waits is not woken for each of the others.
        """
        for slot, _, refused in reversed(self._started):
            if refused is None:
                with contextlib.suppress(Exception):  # `poll` tells what was wrong
                    self._requests[slot].wait_for(int(timeout_s * 1000))
                return

    def drain(self, timeout_s: float) -> None:
        """Wait for what is running, at most so long for each; the answers are dropped."""
        while self._started and self.wait(timeout_s) is not None:
            pass

    def layer_times(self) -> list[LayerTime]:
        """Counters so far; empty unless `count_layers`."""
        if not self._counts_layers or not self._answered:
            return []
        return layer_times(self.device, self._requests[0].profiling_info, self._answered)


def _rows(request: Any) -> list[NDArray[Any]]:
    """A request's own input memory, (height, width, channels) by image; it stays where it is."""
    tensor: NDArray[Any] = request.get_input_tensor(0).data
    return list(tensor) if tensor.ndim == 4 else [tensor]
