"""Comparing two results: against plain definitions, and over results files."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchcls.cli.main import main
from batchcls.errors import RefusedError
from batchcls.images import Failure, ImageRef, Prediction
from batchcls.report.against import KEPT, compare, lines
from batchcls.report.rows import Row
from batchcls.results.record import ParsedRecord, failure_line, ok_line

GONE = Failure("vanished", "gone")
Answer = tuple[int, float] | None
"""The best class and its lead; None for a failure."""

answers = st.one_of(st.none(), st.tuples(st.integers(0, 3), st.floats(0, 0.5)))


def row(index: int, answer: Answer, path: str = "") -> Row:
    path = path or f"{index}.jpg"
    if answer is None:
        return Row(ParsedRecord(index, path, (), GONE))
    best, lead = answer
    top = [Prediction(c, f"c{c}", 0.5 if c == best else 0.5 - lead) for c in (best, (best + 1) % 4)]
    return Row(ParsedRecord(index, path, tuple(top), None))


@given(st.lists(st.tuples(answers, answers), max_size=30))
def test_counts_are_what_the_definitions_say(pairs: list[tuple[Answer, Answer]]) -> None:
    here = [row(n, one) for n, (one, _) in enumerate(pairs)]
    there = [row(n, other) for n, (_, other) in enumerate(pairs)]
    found = compare(here, there)
    both = [(a, b) for a, b in pairs if a and b]
    assert found.images == len(pairs)
    assert found.answered == len(both)
    assert found.same == sum(a[0] == b[0] for a, b in both)
    assert found.failed["here"] == sum(a is None and b is not None for a, b in pairs)
    assert found.failed["there"] == sum(b is None and a is not None for a, b in pairs)
    assert found.failed["both"] == sum(a is None and b is None for a, b in pairs)
    flips = found.as_dict()["flips"]
    margins = sorted((round(0.5 - (0.5 - b[1]), 6) for a, b in both if a[0] != b[0]), reverse=True)
    assert [flip["margin"] for flip in flips] == pytest.approx(margins, abs=1e-5)
    tallies = found.as_dict()["classes"].values()
    assert sum(tally["images"] for tally in tallies) == found.answered
    assert sum(tally["same"] for tally in tallies) == found.same
    assert lines(found, complete=True)


def test_of_very_many_flips_the_surest_are_named() -> None:
    many = KEPT + 50
    here = [row(n, (1, 0.1)) for n in range(many)]
    found = compare(here, [row(n, (0, n / many / 2)) for n in range(many)]).as_dict()
    assert found["same_best_class"] == 0
    assert [flip["i"] for flip in found["flips"]] == list(range(many - 1, many - 1 - KEPT, -1))


def test_results_of_few_classes_are_not_said_to_differ_from_those_of_many() -> None:
    few = [row(n, (1, 0.1)) for n in range(3)]
    rest = (Prediction(9, "c9", 0.0), Prediction(8, "c8", 0.0))
    more = [Row(replace(one.record, top=one.top + rest)) for one in few]
    said = "same top-5 classes         -  not comparable: only 2 an image "
    assert said + "here" in lines(compare(few, more), complete=True)
    assert said + "there" in lines(compare(more, few), complete=True)
    assert "100.00%  3 of 3, in any order" in lines(compare(more, more), complete=True)


def test_results_of_different_lists_are_refused() -> None:
    one = [row(0, (1, 0.1)), row(1, (1, 0.1))]
    with pytest.raises(RefusedError, match=r"image 1 is 1\.jpg, and there image 1 is other\.jpg"):
        compare(one, [row(0, (1, 0.1)), row(1, (1, 0.1), "other.jpg")])
    with pytest.raises(RefusedError, match=r"only one of them has image 1, 1\.jpg"):
        compare(one, one[:1])
    assert compare(one, one[:1], complete=False).images == 1


def _write(path: Path, answers: list[int | None]) -> Path:
    with path.open("wb") as file:
        for index, best in enumerate(answers):
            ref = ImageRef(index, f"{index}.jpg")
            top = [Prediction(best or 0, f"c{best}", 0.75), Prediction(9, "c9", 0.25)]
            line = failure_line(ref, GONE) if best is None else ok_line(ref, top)
            file.write(line + b"\n")
    return path


def test_evaluate_against_other_results(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    here = _write(tmp_path / "here.jsonl", [1, 2, 3, None])
    there = _write(tmp_path / "there.jsonl", [1, 2, 4, 5])
    line = ["evaluate", str(here), "--against", str(there)]
    assert main([*line, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["answered_by_both"], found["same_best_class"]) == (3, 2)
    assert found["failed"] == {"here": 1, "there": 0, "both": 0}
    assert found["flips"] == [{"i": 2, "path": "2.jpg", "margin": 0.5, "there": "c4", "here": "c3"}]
    assert main(line) == 0
    printed = capsys.readouterr().out
    assert "66.67%" in printed
    assert "1 image failed (1 here alone, 0 there alone, 0 in both)" in printed
    assert main([*line, "--truth", "truth.csv"]) == 2
