"""`verify` reads everything and says what is wrong, and where."""

from dataclasses import replace
from pathlib import Path

import pytest

from batchcls.errors import RefusedError
from batchcls.results import carry, manifest
from batchcls.results.generation import finished_file
from batchcls.results.storage import PosixStorage
from batchcls.results.verify import MOST_PROBLEMS, verify
from tests.support.story import Story, as_file, line, lines, paths_in

COUNT = 40
STORAGE = PosixStorage()


def test_a_finished_run_is_good(tmp_path: Path) -> None:
    paths = paths_in(tmp_path)
    Story(paths, STORAGE, COUNT).session()
    report = verify(paths.results, STORAGE)
    assert report.good
    assert report.complete
    assert (report.lines, report.ok, report.failed) == (40, 34, {"truncated": 6})
    assert (report.expected, report.notes) == (40, ())


def test_a_run_that_goes_on_is_good_and_not_complete(tmp_path: Path) -> None:
    paths = paths_in(tmp_path)
    Story(paths, STORAGE, COUNT).session(until=13)
    report = verify(paths.results, STORAGE)
    assert report.path == paths.part
    assert report.good
    assert not report.complete
    assert report.lines == 13


def test_while_a_generation_is_made_the_one_before_is_verified(tmp_path: Path) -> None:
    paths = paths_in(tmp_path)
    Story(paths, STORAGE, COUNT).session()
    Story(paths, STORAGE, COUNT).session_retry(until=13)
    report = verify(paths.results, STORAGE)
    assert report.good
    assert report.lines == COUNT
    assert "will replace this file" in report.notes[0]
    Story(paths, STORAGE, COUNT).session_retry()
    report = verify(paths.results, STORAGE)
    assert report.complete
    assert report.failed == {}


def test_results_alone_are_verified_as_far_as_they_can_be(tmp_path: Path) -> None:
    path = tmp_path / "moved.jsonl"
    path.write_bytes(as_file(lines(COUNT)))
    report = verify(path, STORAGE)
    assert report.good
    assert report.expected is None
    assert any("were not compared" in note for note in report.notes)


def test_every_problem_has_its_place(tmp_path: Path) -> None:
    paths = paths_in(tmp_path)
    Story(paths, STORAGE, COUNT).session()
    broken = lines(COUNT)
    broken[3] = b"not a record"
    broken[5], broken[6] = broken[6], broken[5]
    broken[9] = broken[9].replace(b"image 9", b"image 8")
    del broken[-1]
    paths.results.write_bytes(as_file(broken)[:-1])
    report = verify(paths.results, STORAGE)
    assert not report.good
    assert not report.complete
    where = {p.line: (p.offset, p.message) for p in report.problems}
    assert sorted(where) == [4, 6, 7, 10, 39]
    assert where[4] == (len(as_file(lines(3))), "this is not the line of image 3")
    assert "the line of another image than the inputs list names" in where[10][1]
    assert "the line is incomplete" in where[39][1]
    assert report.lines == 34


def test_a_line_that_the_model_cannot_have_written_is_named(tmp_path: Path) -> None:
    paths = paths_in(tmp_path)
    Story(paths, STORAGE, COUNT).session()
    found = manifest.load(STORAGE, paths.manifest)
    assert found is not None
    form: dict[str, object] = {"top": 1, "threshold": None, "activation": "softmax", "with": []}
    labels = {"count": 5, "names": [f"label {n}" for n in range(5)]}
    known = replace(found, fingerprint=form, settings={"labels": labels})
    manifest.save(STORAGE, paths.manifest, known)
    assert verify(paths.results, STORAGE).complete
    content = paths.results.read_bytes()
    paths.results.write_bytes(content.replace(b"label 1", b"label 2", 1))
    (problem,) = verify(paths.results, STORAGE).problems
    assert (problem.line, problem.offset) == (2, len(as_file(lines(1))))
    paths.results.write_bytes(content.replace(b"0.37", b"0.38", 1))  # as the model may answer
    (problem,) = verify(paths.results, STORAGE).problems
    assert str(problem).endswith("bytes that were written (checksum)")
    assert "line" not in str(problem)


def test_missing_lines_are_a_problem_though_the_mark_is_lost(tmp_path: Path) -> None:
    paths = paths_in(tmp_path)
    Story(paths, STORAGE, COUNT).session()
    paths.commit.unlink()
    paths.results.write_bytes(as_file(lines(COUNT - 3)))
    report = verify(paths.results, STORAGE)
    assert [p.message for p in report.problems] == ["3 lines are missing"]


def test_too_many_lines_are_a_problem(tmp_path: Path) -> None:
    paths = paths_in(tmp_path)
    Story(paths, STORAGE, COUNT).session()
    paths.results.write_bytes(as_file(lines(COUNT + 2)))
    paths.commit.unlink()
    assert [p.line for p in verify(paths.results, STORAGE).problems] == [41, 42]


def test_endless_problems_are_counted_not_listed(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_bytes(b"x\n" * 1000)
    report = verify(path, STORAGE)
    assert len(report.problems) == MOST_PROBLEMS
    assert report.more == 1000 - MOST_PROBLEMS


def test_nothing_to_verify_is_said(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="No such file"):
        verify(tmp_path / "r.jsonl", STORAGE)


def test_lines_are_carried_over_from_any_place(tmp_path: Path) -> None:
    paths = paths_in(tmp_path)
    Story(paths, STORAGE, COUNT).session()
    whole = finished_file(paths, STORAGE)
    for start in (0, 1, 17, COUNT - 1, COUNT):
        found = list(carry.answers(STORAGE, paths.results, start=start, expected=whole))
        assert [a.line for a in found] == lines(COUNT)[start:]
        assert [a.index for a in found] == list(range(start, COUNT))
        assert {a.index for a in found if a.failed} == {
            k for k in range(start, COUNT) if k % 7 == 3
        }
        assert all(a.label == f"label {a.index % 5}" for a in found if not a.failed)


def test_damaged_lines_are_not_carried_over(tmp_path: Path) -> None:
    paths = paths_in(tmp_path)
    Story(paths, STORAGE, COUNT).session()
    whole = finished_file(paths, STORAGE)
    paths.results.write_bytes(as_file([*lines(8), line(9)]))
    with pytest.raises(RefusedError, match="has changed since the new results were started"):
        next(carry.answers(STORAGE, paths.results, expected=whole))
    with pytest.raises(RefusedError, match="has changed since it was complete"):
        finished_file(paths, STORAGE)
    offset = len(as_file(lines(8)))
    answers = carry.answers(STORAGE, paths.results)
    assert [next(answers).index for _ in range(8)] == list(range(8))
    with pytest.raises(RefusedError, match=f"line 9, at byte {offset:,}, is not that of ima"):
        next(answers)
