"""What a complete run says of itself, and when it is no success."""

from pathlib import Path

import pytest

from batchcls.running.result import too_many
from tests.support.instant_run import Place


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


def test_files_left_out_by_name_are_counted(tmp_path: Path) -> None:
    place = Place(tmp_path / "work")
    place.add(0, 20)
    for name in ("a.jxl", "b.JXL", "notes.txt"):
        (place.folder / "images" / name).touch()
    (place.folder / "images/@eaDir").mkdir()
    expected = {".jxl": 2, ".txt": 1, "@eaDir/": 1}
    assert place.run().left_out == expected
    assert place.run().left_out == expected  # complete already
    place.add(20, 22)
    assert place.run(extend=True).left_out == expected
