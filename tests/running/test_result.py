"""When a complete run is no success."""

import pytest

from batchcls.running.result import too_many


@pytest.mark.parametrize(
    ("failed", "total", "allowed", "expected"),
    [
        (0, 10, None, False),
        (9, 10, None, False),
        (10, 10, None, True),  # nothing was labelled
        (1, 1, None, True),
        (10, 10, "100%", False),  # as somebody wanted it
        (10, 10, "10", False),
        (3, 10, "2", True),
        (2, 10, "2", False),
        (2, 100, "2%", False),
        (3, 100, "2%", True),
        (0, 0, None, False),
    ],
)
def test_too_many(failed: int, total: int, allowed: str | None, expected: bool) -> None:
    assert too_many(failed, total, allowed) is expected
