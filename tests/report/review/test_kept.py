"""What a person says is on the disk before it is said to be kept, and never of other results."""

import json
import os
import signal
from pathlib import Path

import pytest

from batchcls.errors import RefusedError, UsageError
from batchcls.images import Prediction
from batchcls.report import corrections
from batchcls.report.corrected import read_truth
from batchcls.report.review.kept import Kept
from batchcls.report.truth import ANOTHER, Truth
from batchcls.results.record import ParsedRecord


def record(index: int, path: str = "") -> ParsedRecord:
    return ParsedRecord(index, path or f"{index}.jpg", (Prediction(0, "cat", 0.5),), None)


def test_the_last_word_counts_and_a_word_can_be_taken_back(tmp_path: Path) -> None:
    path = tmp_path / "c"
    kept = Kept(path, "these")
    for index, label in ((1, "cat"), (2, "dog"), (1, ""), (3, "dog"), (2, None)):
        kept.say(record(index), label)
    kept.close()
    again = Kept(path, "these")
    assert again.said == {1: "", 3: "dog"}
    again.close()
    first, second, *_ = path.read_text().splitlines()
    assert json.loads(first) == {"of": "these"}
    said = json.loads(second)
    assert [*said] == ["i", "path", "label", "was", "at"]
    assert (said["i"], said["path"], said["label"], said["was"]) == (1, "1.jpg", "cat", "cat")


@pytest.mark.runs
def test_none_is_lost_where_the_review_is_killed_after_each(tmp_path: Path) -> None:
    """Killed without a chance to do anything, two hundred times, the moment it is kept."""
    path = tmp_path / "c"
    for index in range(200):
        child = os.fork()
        if not child:
            Kept(path, "these").say(record(index), f"label {index}")
            os.kill(os.getpid(), signal.SIGKILL)
        assert os.waitpid(child, 0)[1] == signal.SIGKILL
        if index % 3 == 0:  # a crash in the middle of the next
            with path.open("ab") as file:
                file.write(b'{"i":7,"path":"7.j')
    found = corrections.read(path)
    assert {index: one.label for index, one in found.items()} == {
        index: f"label {index}" for index in range(200)
    }


@pytest.mark.parametrize("torn", [b'{"i":1', b"{", b"\0" * 9000, b'{"of":"x'])
def test_a_torn_tail_is_taken_away(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "c"
    kept = Kept(path, "these")
    kept.say(record(1), "cat")
    kept.close()
    whole = path.read_bytes()
    path.write_bytes(whole + torn)
    again = Kept(path, "these")
    assert path.read_bytes() == whole
    assert again.said == {1: "cat"}
    again.close()


def test_a_file_that_is_only_torn_begins_again(tmp_path: Path) -> None:
    path = tmp_path / "c"
    path.write_bytes(b'{"of":"th')
    Kept(path, "these").close()
    assert path.read_bytes() == b'{"of":"these"}\n'


def test_corrections_of_other_results_are_refused_and_stay(tmp_path: Path) -> None:
    path = tmp_path / "c"
    Kept(path, "these").close()
    before = path.read_bytes()
    with pytest.raises(RefusedError, match="of other results"):
        Kept(path, "those")
    assert path.read_bytes() == before


def test_two_reviews_do_not_write_at_once(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "c", "these")
    with pytest.raises(UsageError, match="another review"):
        Kept(tmp_path / "c", "these")
    kept.close()
    Kept(tmp_path / "c", "these").close()


def test_a_damaged_line_is_refused(tmp_path: Path) -> None:
    (tmp_path / "c").write_text('{"of":"these"}\noops\n{"i":1,"path":"a","label":"x"}\n')
    with pytest.raises(RefusedError, match="line 2"):
        Kept(tmp_path / "c", "these")


def test_corrections_are_a_truth_whose_wrong_answers_count(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "c.jsonl", "these")
    kept.say(record(1, "a/\udcff.jpg"), "dog")
    kept.say(record(2), "")
    kept.close()
    truths = read_truth(str(tmp_path / "c.jsonl"))
    assert truths.of("a/\udcff.jpg", 1) == Truth(None, "dog")
    assert truths.unused == 1
    assert truths.of("2.jpg") == ANOTHER
    assert truths.of("3.jpg") is None
