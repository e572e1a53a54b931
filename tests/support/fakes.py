"""A classifier without OpenVINO: an image's first byte says what becomes of it.

`FakeRing` passes the same contract tests as the real ring: tests/model/infer.
"""

from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from batchcls.errors import ImageError
from batchcls.images import Picture, Prediction

CLASSES = 4


@dataclass(frozen=True)
class FakeFinished:
    tags: Sequence[Any]
    scores: NDArray[np.float32]
    latency_s: float = 0.001
    error: str | None = None
    features: NDArray[np.float16] | None = None


class FakeRing:
    """Requests that complete after `delay` looks at them."""

    def __init__(
        self, device: str = "FAKE", nireq: int = 2, batch_size: int = 1, delay: int = 2
    ) -> None:
        self.device, self.nireq, self.batch_size, self.delay = device, nireq, batch_size, delay
        self._running: deque[list[Any]] = deque()
        self._places = [[np.zeros(1, np.float32) for _ in range(batch_size)] for _ in range(nireq)]
        self._next = 0

    @property
    def in_flight(self) -> int:
        return len(self._running)

    @property
    def has_free(self) -> bool:
        return len(self._running) < self.nireq

    def input_row(self, ahead: int) -> NDArray[np.float32] | None:
        if not ahead and not self._running:
            self._next = 0
        request, row = divmod(ahead, self.batch_size)
        if len(self._running) + request >= self.nireq:
            return None
        return self._places[(self._next + request) % self.nireq][row]

    def start(self, tags: Sequence[Any], images: Sequence[NDArray[np.float32]]) -> None:
        assert self.has_free, "started more requests than there are"
        assert 0 < len(tags) == len(images) <= self.batch_size
        places = self._places[self._next]
        self._next = (self._next + 1) % self.nireq
        for row, image in zip(places, images, strict=False):
            row[...] = image
        self._running.append([self.delay, list(tags), places])

    def poll(self) -> FakeFinished | None:
        if not self._running:
            return None
        self._running[0][0] -= 1
        return self._complete() if self._running[0][0] <= 0 else None

    def wait(self, timeout_s: float) -> FakeFinished | None:
        return self._complete() if self._running else None

    def wait_all(self, timeout_s: float) -> None:
        for running in self._running:
            running[0] = 0

    def _complete(self) -> FakeFinished:
        _, tags, places = self._running.popleft()
        batch = np.stack(places[: len(tags)])
        if (batch[:, 0] == ord("R")).any():
            return FakeFinished(tags, batch, error="the device refuses it")
        if (batch[:, 0] == ord("O")).any():
            return FakeFinished(tags, batch, error="Failed to allocate 1296000000 bytes of memory")
        return FakeFinished(tags, batch)


class FakeClassifier:
    """Scores are one-hot in the image's first byte, modulo the number of classes."""

    def __init__(self, *rings: FakeRing) -> None:
        self.rings = rings or (FakeRing(),)

    def prepare(
        self, image: Picture, into: NDArray[np.float32] | None = None
    ) -> NDArray[np.float32]:
        if image.pixels.startswith(b"P"):
            raise ValueError("a bug in preprocessing")
        made = np.zeros(1, np.float32) if into is None else into
        made[0] = image.pixels[0]
        return made

    def uncertainty(self, scores: NDArray[np.float32], facts: Collection[str]) -> dict[str, float]:
        return {fact: 0.5 for fact in ("margin", "entropy") if fact in facts}

    def always(self, scores: NDArray[np.float32]) -> tuple[Prediction, ...]:
        return ()

    def lead(self, scores: NDArray[np.float32]) -> float:
        """Only what begins with C is a close answer."""
        return 0.1 if scores[0] == ord("C") else 5.0

    def notes(self) -> tuple[str, ...]:
        """Nothing comes to light."""
        return ()

    def settle(self) -> None:
        """Nothing was compiled."""

    def outcome(self, scores: NDArray[np.float32]) -> tuple[Prediction, ...]:
        first = int(scores[0])
        if first == ord("N"):
            raise ImageError("bad_output", "the model answered with NaN")
        return (Prediction(first % CLASSES, f"class {first % CLASSES}", 1.0),)


def fake_decode(data: bytes, whole: bool) -> Picture:
    """What begins with r or C is large: its first byte is what is left of it when reduced."""
    if data.startswith(b"T"):
        raise ImageError("truncated", "ends early")
    if data.startswith(b"M"):
        raise MemoryError
    large = data.startswith((b"r", b"C"))
    if large and whole:
        data = data[1:]
    return Picture(data, 8, 8, 4 if large and not whole else 1)
