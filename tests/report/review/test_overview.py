"""Any image by its index, and all of them by certainty, in little memory."""

from pathlib import Path

import pytest

from batchcls.errors import RefusedError
from batchcls.images import ImageRef, Prediction
from batchcls.report import where
from batchcls.report.review.overview import Overview
from batchcls.report.rows import Results
from batchcls.results.record import ok_line

COUNT = 500
"""Lines of `results`."""


def nothing(index: int) -> str | None:
    return None


def test_every_record_is_found_by_its_index(results: Results) -> None:
    found = Overview.of(results)
    assert (found.count, found.failed) == (COUNT, COUNT // 10)
    for index in (0, 1, 63, 64, 65, 128, COUNT - 1):
        record = found.record(index)
        assert record is not None
        assert record.index == index
    assert found.record(COUNT) is None
    assert found.record(-1) is None


def test_the_unsure_come_first_and_the_failed_last(results: Results) -> None:
    found = Overview.of(results)
    order = [*found.ordered("unsure")]
    assert sorted(order) == [*range(COUNT)]
    answered = [index for index in order if index % 10 != 9]
    assert order[: len(answered)] == answered
    leads = [index * 7 % COUNT for index in answered]
    assert leads == sorted(leads)
    assert [*found.ordered("sure")] == answered[::-1] + order[len(answered) :]
    assert [*found.ordered("list")] == [*range(COUNT)]


def test_a_filter_leaves_out_images_of_every_order(results: Results) -> None:
    found = Overview.of(results)
    chosen = found.choose(where.parse("label = a"), nothing)
    order = [*found.ordered("unsure", chosen)]
    assert sorted(order) == [n for n in range(COUNT) if n % 3 == 0 and n % 10 != 9]


def test_results_of_a_shard_begin_at_its_first_image(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    lines = (ok_line(ImageRef(n, "x"), [Prediction(0, "a", 0.5)]) for n in range(700, 900))
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    found = Overview.of(Results.find(str(path)))
    record = found.record(777)
    assert record is not None
    assert record.index == 777
    assert found.record(0) is None
    assert min(found.ordered("unsure")) == 700


def test_results_with_gaps_are_refused(results: Results) -> None:
    lines = results.path.read_bytes().splitlines(keepends=True)
    results.path.write_bytes(b"".join(lines[:1] + lines[2:]))
    with pytest.raises(RefusedError, match="image 2 stands where 1 belongs"):
        Overview.of(Results.find(str(results.path)))


def test_a_line_that_is_no_record_is_refused(results: Results) -> None:
    with results.path.open("ab") as file:
        file.write(b"oops\n")
    with pytest.raises(RefusedError, match="not a record"):
        Overview.of(Results.find(str(results.path)))
