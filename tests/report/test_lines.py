"""A results file is read as it was when it was opened, whatever its run does meanwhile."""

from pathlib import Path

import pytest

from batchcls.errors import RefusedError
from batchcls.images import ImageRef, Prediction
from batchcls.report.build import Request, build
from batchcls.report.lines import ResultsFile
from batchcls.report.pictures import NOTHING, Thumbnail
from batchcls.report.review.overview import Overview
from batchcls.report.rows import Results
from batchcls.results.record import ok_line

LINES = [ok_line(ImageRef(n, f"{n}.jpg"), [Prediction(0, "cat", 0.5)]) + b"\n" for n in range(5)]


class NoPictures:
    """A maker of none."""

    def of(self, image: ImageRef, edge: int, most: int) -> Thumbnail:
        return NOTHING


@pytest.fixture
def part(tmp_path: Path) -> Path:
    """Of a run that has written half of its last line."""
    path = tmp_path / "r.jsonl.part"
    path.write_bytes(b"".join(LINES)[:-9])
    return path


def finish(part: Path) -> None:
    """What the run does next."""
    with part.open("ab") as file:
        file.write(LINES[-1][-9:])
    part.rename(part.with_suffix(""))


def test_each_pass_is_of_the_same_lines(part: Path) -> None:
    found = Results.find(str(part.with_suffix("")))
    lines = found.lines()
    first = next(lines)
    finish(part)
    assert [first, *lines] == [*found.lines()]
    assert [line for _, line in found.lines()] == [line[:-1] for line in LINES[:-1]]
    assert [row.record.index for row in found.rows()] == [0, 1, 2, 3]
    assert found.record(0, after=2).index == 2


def test_a_half_line_that_is_finished_meanwhile_is_no_damage(part: Path) -> None:
    def tell(done: str) -> None:
        if part.exists():
            finish(part)

    html = build(Request(str(part)), NoPictures(), tell)
    assert "The run is not complete: 4 images" in html


def test_a_review_outlives_the_run(part: Path) -> None:
    overview = Overview.of(Results.find(str(part)))
    finish(part)
    record = overview.record(3)
    assert record is not None
    assert record.path == "3.jpg"


def test_finished_results_that_end_within_a_line_are_refused(part: Path) -> None:
    part.rename(path := part.with_suffix(""))
    with pytest.raises(RefusedError, match="does not end with a whole line"):
        list(ResultsFile.find(str(path)).lines())
    with pytest.raises(RefusedError, match="does not end with a whole line"):
        build(Request(str(path)), NoPictures(), lambda _: None)
