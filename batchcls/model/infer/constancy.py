"""Notices a model whose answer does not depend on the picture.

A graph that was converted wrongly, or pixels on a scale of another kind, give every picture the
same scores, and nothing about such a run looks wrong. The first answers are compared; two pictures
may be the same, so only then the model is also asked about pictures that are as different as they
can be. A model that answers at all costs one comparison.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

TEST_SIZE = 256


class Constancy:
    """Compares a model's first answers.

    Args:
        test: the model's answers to `unlike_pictures`, probabilities; asked for once, if at all.
    """

    def __init__(self, test: Callable[[], Sequence[Floats]], labels: Sequence[str]) -> None:
        self._test = test
        self._labels = labels
        self._first: Floats | None = None
        self._decided = False

    def see(self, answer: Floats) -> str:
        """Take in an answer, probabilities; what people should know, or "" (nearly always)."""
        if self._decided:
            return ""
        if self._first is None:
            self._first = answer.copy()
            if len(answer) == 1 or np.ptp(answer) > 0.0:
                return ""
        self._decided = True
        if not np.array_equal(answer, self._first):
            return ""
        others = self._test()
        same = bool(others) and all(np.array_equal(answer, other) for other in others)
        return self._message(answer) if same else ""

    def _message(self, answer: Floats) -> str:
        best = int(answer.argmax())
        return (
            f"the model gives every image the same scores ({self._labels[best]}: "
            f"{answer[best]:.6f}), even black, white and noise, so its labels mean nothing; "
            "`batchcls inspect MODEL` shows how batchcls understands its input and output"
        )


def unlike_pictures() -> list[NDArray[np.uint8]]:
    """Black, white, noise, and a red that becomes blue; (H, W, 3) BGR."""
    shape = (TEST_SIZE, TEST_SIZE, 3)
    fading = np.zeros(shape, np.uint8)
    fading[..., 0] = np.arange(TEST_SIZE)
    fading[..., 2] = 255 - fading[..., 0]
    noise = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    return [np.zeros(shape, np.uint8), np.full(shape, 255, np.uint8), noise, fading]
