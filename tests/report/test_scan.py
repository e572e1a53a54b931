"""What a report reads of a line is what the record says."""

import json

import pytest

from batchcls.images import Failure, ImageRef, Prediction
from batchcls.report.scan import scan
from batchcls.results.record import failure_line, ok_line

HOSTILE = '</script>","score":9.000000},{"index":1 \\" ,"margin":7.000000'


@pytest.mark.parametrize("path", ["a.jpg", 'x"],"top":[]\\', "\udcff.jpg", "</script>"])
@pytest.mark.parametrize("label", ["tabby", HOSTILE, "\u202e猫", ""])
def test_the_best_class_and_its_lead_are_the_records(path: str, label: str) -> None:
    top = [Prediction(3, label, 0.75), Prediction(1, "other", 0.125)]
    found = scan(ok_line(ImageRef(12, path), top))
    assert found is not None
    assert (found.index, found.score, found.margin, found.kind) == (12, 0.75, 0.625, "")
    assert found.label is not None
    assert json.loads(found.label) == label


def test_a_margin_that_the_record_has_counts_before_the_scores() -> None:
    top = [Prediction(3, HOSTILE, 0.75), Prediction(1, HOSTILE, 0.125)]
    found = scan(ok_line(ImageRef(0, HOSTILE), top, {"margin": 0.5, "width": 7}))
    assert found is not None
    assert found.margin == 0.5


def test_of_a_single_class_the_score_is_the_lead() -> None:
    found = scan(ok_line(ImageRef(0, "a"), [Prediction(3, "x", 0.25)]))
    assert found is not None
    assert found.margin == 0.25


def test_a_failure_has_its_kind_and_an_answer_may_have_no_class() -> None:
    failed = scan(failure_line(ImageRef(5, "b"), Failure("truncated", '"kind":"empty"')))
    assert failed is not None
    assert (failed.index, failed.label, failed.kind) == (5, None, "truncated")
    nothing = scan(ok_line(ImageRef(6, "c"), []))
    assert nothing is not None
    assert (nothing.label, nothing.kind) == (None, "")


def test_lines_of_the_version_before_are_read() -> None:
    failed = scan(b'{"i":1,"path":"b","error":{"kind":"empty","message":""}}')
    assert failed is not None
    assert failed.kind == "empty"
    answered = scan(b'{"i":1,"path":"b","top":[{"index":1,"label":"x","score":0.500000}]}')
    assert answered is not None
    assert answered.label == b'"x"'


ANSWER = ok_line(ImageRef(1, "a"), [Prediction(1, "x", 0.5)])


@pytest.mark.parametrize(
    "line",
    [
        b"", b"{}", b'{"i":1', b'{"i":1,"path":"a","top":[{"ind', b"\0",
        ANSWER.replace(b"0.500000", b"0.9.1"), ANSWER.replace(b"0.500000", b"-"),
        ANSWER.replace(b'"x"', b'"\xff"'), ANSWER.replace(b'"x"', b'"\\x"'),
        ANSWER.replace(b'"x"', b'"\\ud800"'), ANSWER.replace(b'"i":1', b'"i":' + b"1" * 5000),
        ANSWER[:-1] + b',"margin":"x"}',
        b'{"i":1,"path":"b","top":[],"error":{"kind":"\xff","message":""}}',
        b'{"i":1,"path":"b","top":[],"error":{"kind":"x\\"><script>","message":""}}',
    ],
)  # fmt: skip
def test_what_is_no_record_is_none(line: bytes) -> None:
    assert scan(line) is None
