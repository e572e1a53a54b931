"""Counting: against plain definitions, and over results files."""

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchcls.errors import RefusedError, UsageError
from batchcls.images import Failure, ImageRef, Prediction
from batchcls.report import reading, text
from batchcls.report.chance import wilson
from batchcls.report.classes import Classes
from batchcls.report.evaluate import BINS, Tally
from batchcls.report.lines import ResultsFile, results_file
from batchcls.report.matching import Matching
from batchcls.report.truth import FolderTruths, Truth, parse
from batchcls.results.record import ParsedRecord, failure_line, ok_line
from tests.support.reviews import note_labels

CLASSES = 8
GONE = Failure("vanished", "gone")
ANY = Classes({}, complete=False)


def answered(index: int, *ranked: int, score: float = 0.9) -> ParsedRecord:
    top = tuple(Prediction(c, f"c{c}", score / (n + 1)) for n, c in enumerate(ranked))
    return ParsedRecord(index, f"{index}.jpg", top, None)


@given(
    st.lists(
        st.tuples(
            st.integers(0, CLASSES - 1),
            st.one_of(st.none(), st.permutations(range(CLASSES))),
            st.floats(0, 1),
        ),
        min_size=1,
    )
)
def test_counts_are_what_the_definitions_say(
    images: list[tuple[int, list[int] | None, float]],
) -> None:
    tally = Tally(Matching(ANY))
    for number, (truth, ranked, score) in enumerate(images):
        record = (
            ParsedRecord(number, "x", (), GONE)
            if ranked is None
            else answered(number, *ranked, score=score)
        )
        tally.add(record, Truth(truth, None))
    found = tally.evaluation()
    assert found.counted == found.images == len(images)
    assert found.top1 == sum(r is not None and r[0] == t for t, r, _ in images)
    assert found.top5 == sum(r is not None and t in r[:5] for t, r, _ in images)
    assert sum(found.failed.values()) == sum(r is None for _, r, _ in images)
    assert sum(n for *_, n in found.confused) + found.top1 == sum(
        r is not None for _, r, _ in images
    )
    assert {name: c.images for name, c in found.classes.items()} == {
        f"class {t}": sum(u == t for u, _, _ in images) for t, _, _ in images
    }
    pairs = [(s, r[0] == t) for t, r, s in images if r is not None]
    error = found.calibration_error
    assert (error is None) == (not pairs)
    assert error is None or math.isclose(error, calibration_by_definition(pairs), abs_tol=1e-9)


def calibration_by_definition(pairs: list[tuple[float, bool]]) -> float:
    total = 0.0
    for number in range(BINS):
        low = -1 if number == 0 else number
        inside = [(s, r) for s, r in pairs if low < s * BINS <= number + 1]
        if inside:
            confidence = sum(s for s, _ in inside) / len(inside)
            accuracy = sum(r for _, r in inside) / len(inside)
            total += len(inside) / len(pairs) * abs(accuracy - confidence)
    return total


def test_scores_that_are_no_probabilities_are_not_calibrated() -> None:
    tally = Tally(Matching(ANY))
    tally.add(answered(0, 1, score=17.0), Truth(1, None))
    assert tally.evaluation().calibration_error is None


def test_images_without_truth_count_nowhere() -> None:
    tally = Tally(Matching(ANY))
    tally.add(answered(0, 1), None)
    tally.add(answered(1, 1), Truth(1, None))
    found = tally.evaluation()
    assert (found.images, found.counted, found.without_truth, found.top1) == (2, 1, 1, 1)


def test_an_answer_without_classes_is_wrong() -> None:
    tally = Tally(Matching(ANY))
    tally.add(ParsedRecord(0, "x", (), None), Truth(1, None))
    assert (tally.evaluation().counted, tally.evaluation().top1) == (1, 0)


def test_wilson_against_published_figures() -> None:
    # Newcombe 1998, table I, method 3: 81/263, 15/148, 0/20, 1/29.
    for right, total, low, high in (
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ):
        assert wilson(right, total) == pytest.approx((low, high), abs=5e-5)
    assert wilson(0, 0) == (0.0, 1.0)


def write(path: Path, *lines: bytes) -> Path:
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return path


def cats(path: Path) -> Path:
    cat, dog = Prediction(0, "cat", 0.9), Prediction(1, "dog", 0.1)
    return write(
        path,
        ok_line(ImageRef(0, "cat/0.jpg"), [cat, dog]),
        ok_line(ImageRef(1, "dog/1.jpg"), [cat, dog]),
        failure_line(ImageRef(2, "dog/2.jpg"), GONE),
        ok_line(ImageRef(3, "3.jpg"), [cat]),
    )


def test_a_results_file_against_its_folders(tmp_path: Path) -> None:
    path = cats(tmp_path / "results.jsonl")
    found = reading.evaluate(ResultsFile.find(str(path)), FolderTruths())
    assert (found.images, found.counted, found.top1, found.top5) == (4, 3, 1, 2)
    assert found.failed == {"vanished": 1}
    assert found.confused == (("dog", "cat", 1),)
    assert [*found.classes] == ["dog", "cat"]
    json.dumps(found.as_dict(), allow_nan=False)


def test_classes_that_the_model_does_not_have() -> None:
    known = Classes.of(["cat", "dog"])
    seen = Classes({0: "cat"}, complete=False)
    for classes, counted, words in (
        (known, 1, "1 image is of classes that the model does not have (misc) and did not count."),
        (seen, 2, "1 image is of classes that no answer names (misc) and counted as wrong."),
    ):
        tally = Tally(Matching(classes))
        for number, label in enumerate(("cat", "misc")):
            record = ParsedRecord(number, "x", (Prediction(0, "cat", 0.5),), None)
            tally.add(record, Truth(None, label))
        found = tally.evaluation()
        assert (found.counted, found.top1, found.unknown) == (counted, 1, {"misc": 1})
        assert words in text.lines(found, complete=True)


@pytest.mark.parametrize(("labels", "counted"), [(["cat", "dog"], 3), (["cat", "bird"], 4)])
def test_the_labels_of_the_run_count_where_they_fit_the_results(
    tmp_path: Path, labels: list[str], counted: int
) -> None:
    path = tmp_path / "results.jsonl"
    other = ok_line(ImageRef(3, "misc/3.jpg"), [Prediction(0, "cat", 1.0)])
    write(path, *cats(path).read_bytes().splitlines()[:3], other)
    note_labels(path, labels)
    assert reading.evaluate(ResultsFile.find(str(path)), FolderTruths()).counted == counted


def test_the_words_for_people(tmp_path: Path) -> None:
    found = reading.evaluate(
        ResultsFile.find(str(cats(tmp_path / "results.jsonl"))), FolderTruths()
    )
    words = text.lines(found, complete=False)
    assert words.split("\n") == [
        "3 images have a known class; compared by label.",
        "The run is not complete; these are its results so far.",
        "1 more image has no known class and did not count.",
        "1 image failed (1 vanished) and counted as wrong.",
        "",
        "top-1                          33.3%  1 of 3; 95% interval 6.1 to 79.2%",
        "top-2 (no more were recorded)  66.7%  2 of 3",
        "calibration                    0.400  expected calibration error, 15 bins",
        "",
        "class  images   top-1   top-5",
        "dog         2    0.0%   50.0%",
        "cat         1  100.0%  100.0%",
        "",
        "most confused: truth  predicted  images",
        "dog                   cat             1",
    ]


def test_a_long_list_of_classes_is_cut() -> None:
    tally = Tally(Matching(ANY))
    for number in range(30):
        tally.add(answered(number, number if number > 3 else 99), Truth(number, f"t{number:02}"))
    words = text.lines(tally.evaluation(), complete=True)
    assert "the 10 worst classes" in words
    assert "… of 30 classes; 26 are always right" in words
    assert "t03" in words
    assert "t29" not in words


def test_hostile_labels_do_not_reach_the_terminal() -> None:
    tally = Tally(Matching(ANY))
    record = ParsedRecord(0, "x", (Prediction(0, "\x1b[31mred", 0.5),), None)
    tally.add(record, Truth(1, "\x1b]0;title\x07"))
    assert text.lines(tally.evaluation(), complete=True).replace("\n", "").isprintable()


def test_a_run_under_way_is_read_to_its_last_whole_line(tmp_path: Path) -> None:
    whole = cats(tmp_path / "whole").read_bytes()
    (tmp_path / "results.jsonl.part").write_bytes(whole[:-5])
    path, complete = results_file(str(tmp_path / "results.jsonl"))
    assert (path.name, complete) == ("results.jsonl.part", False)
    assert [record.index for record in ResultsFile.find(str(path)).records()] == [0, 1, 2]
    assert results_file(str(path)) == (path, False)


def test_what_cannot_be_evaluated_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no results at"):
        results_file(str(tmp_path / "none.jsonl"))
    damaged = write(tmp_path / "damaged.jsonl", b'{"i":0}')
    with pytest.raises(RefusedError, match=r"damaged\.jsonl, line 1: not a record"):
        reading.evaluate(ResultsFile.find(str(damaged)), FolderTruths())
    flat = write(tmp_path / "flat", ok_line(ImageRef(0, "a.jpg"), [Prediction(0, "cat", 1.0)]))
    with pytest.raises(
        UsageError, match="no image has a known class; name a truth file with `--truth FILE`"
    ):
        reading.evaluate(ResultsFile.find(str(flat)), FolderTruths())
    with pytest.raises(UsageError, match="no row of the truth is about an image in the results"):
        reading.evaluate(ResultsFile.find(str(flat)), parse("file,label\nb.jpg,cat\n"))
    holiday = write(tmp_path / "h", ok_line(ImageRef(0, "june/a.jpg"), [Prediction(0, "cat", 1.0)]))
    with pytest.raises(UsageError, match=r"h cannot be compared with the truth: none of the true"):
        reading.evaluate(ResultsFile.find(str(holiday)), FolderTruths())
