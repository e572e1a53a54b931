"""What a measurement of the whole pipeline counts as whose processor time."""

import pytest

from batchcls.bench.whole import beside


def test_threads_that_infer_are_the_busiest_beside_the_main_one() -> None:
    used = [1.0, 5.0, 0.2, 0.1]  # the main thread first, then from the most down
    assert beside(used, 1) == pytest.approx(1.3)
    assert beside(used, 2) == pytest.approx(1.1)
    assert beside([1.0], 4) == 1.0
