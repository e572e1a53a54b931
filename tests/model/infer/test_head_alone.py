"""Many rows at once: only where rows that show something have the bits that each has alone."""

from typing import Any

import numpy as np
import pytest

from batchcls.model.infer.head_alone import HeadAlone


class Request:
    """An infer request that doubles rows, and many of them not quite."""

    def __init__(self, off: float) -> None:
        self.off, self.asked = off, 0

    def infer(self, inputs: list[Any]) -> None:
        self.asked += 1
        self.data = inputs[0] * np.float32(2 + self.off)

    def get_output_tensor(self, _: int) -> Any:
        return self


@pytest.mark.parametrize("failed", [0, 1, 8, 12])
@pytest.mark.parametrize("off", [0.0, 0.5])
def test_rows_have_the_bits_that_each_has_alone(
    off: float, failed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = Request(off)
    monkeypatch.setattr(HeadAlone, "__init__", lambda _: None)
    head = HeadAlone()  # type: ignore[call-arg]  # the requests of no device
    head._size, head._most, head._tried, head._one, head._many = 3, 8, False, Request(0), many
    rows = np.arange(1, 61, dtype=np.float32).reshape(20, 3)
    rows[:failed] = np.nan
    found = np.concatenate([head.scores(rows[at : at + 8]) for at in range(0, 20, 8)])
    assert np.array_equal(found, rows * 2, equal_nan=True)
    assert many.asked == (3 if not off else 1 + failed // 8)
