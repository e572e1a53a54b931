"""What the tests of a review share: results of which every tenth image failed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from batchcls.images import Failure, ImageRef, Prediction
from batchcls.report.review.server import ReviewServer
from batchcls.report.rows import Results
from batchcls.results.record import failure_line, ok_line
from tests.support.reviews import serving

COUNT = 500


@pytest.fixture
def results(tmp_path: Path) -> Results:
    """Image k is surer the higher k is, but for a step of 7; labels a, b and c in turn."""
    path = tmp_path / "r.jsonl"
    lines = []
    for n in range(COUNT):
        ref = ImageRef(n, f"{n}.jpg")
        if n % 10 == 9:
            lines.append(failure_line(ref, Failure("empty", "no bytes")))
        else:
            score = 0.5 + (n * 7 % COUNT) / 2000
            top = [Prediction(n % 3, "abc"[n % 3], score), Prediction(9, "z", 0.25)]
            lines.append(ok_line(ref, top))
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return Results.find(str(path))


@pytest.fixture
def server(results: Results) -> Iterator[ReviewServer]:
    with serving(results) as found:
        yield found
