"""Corrections are laid over the records they are of; the last one of an image counts."""

import json
from pathlib import Path

import pytest

from batchcls.cli.main import main
from batchcls.errors import RefusedError, UsageError
from batchcls.images import ImageRef, Prediction
from batchcls.report import corrections
from batchcls.report.corrected import read_truth
from batchcls.report.corrections import Correction, said_of
from batchcls.report.rows import Results, require_same_images
from batchcls.report.truth import ANOTHER, Truth
from batchcls.results import record
from batchcls.results.record import ParsedRecord


def line(index: int, label: str | None, path: str = "a.jpg") -> str:
    return json.dumps({"i": index, "path": path, "label": label, "was": "x", "at": "now"}) + "\n"


def test_the_last_of_an_image_counts_and_null_takes_it_back(tmp_path: Path) -> None:
    file = tmp_path / "c.jsonl"
    file.write_text(line(1, "cat") + line(2, "dog") + line(1, "lynx") + line(2, None))
    assert corrections.read(file) == {1: Correction("a.jpg", "lynx")}


def test_a_last_line_that_was_not_written_to_its_end_is_left_out(tmp_path: Path) -> None:
    file = tmp_path / "c.jsonl"
    whole = line(1, "cat") + line(2, "dog")
    for end in range(len(line(1, "cat")), len(whole)):
        file.write_text(whole[:end])
        assert corrections.read(file) == {1: Correction("a.jpg", "cat")}


@pytest.mark.parametrize(
    "wrong",
    [
        "nonsense",
        "[]",
        '{"i":"1","path":"a","label":"b"}',
        "[" * 9999,
        r'{"i":1,"path":"a","label":"\ud800"}',
        r'{"i":1,"path":"\udcff","label":null}',
    ],
)
def test_a_whole_line_that_is_no_correction_is_refused(wrong: str, tmp_path: Path) -> None:
    file = tmp_path / "c.jsonl"
    file.write_text(f"{line(1, 'cat')}{wrong}\n{line(2, 'dog')}")
    with pytest.raises(RefusedError, match="line 2 is no correction"):
        corrections.read(file)


def test_no_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        corrections.read(tmp_path / "none")


def test_a_correction_of_another_image_is_refused(tmp_path: Path) -> None:
    results = tmp_path / "r.jsonl"
    results.write_bytes(record.ok_line(ImageRef(0, "b.jpg"), [Prediction(0, "x", 0.5)]) + b"\n")
    with pytest.raises(RefusedError, match=r"is of a\.jpg"):
        list(Results.find(str(results)).rows({0: Correction("a.jpg", "cat")}))


def test_a_review_refuses_corrections_of_other_images() -> None:
    found = ParsedRecord(0, "b.jpg", (), None)
    said = {0: Correction("b.jpg", "cat"), 7: Correction("later.jpg", "cat")}
    require_same_images(said, {0: found}.get, Path("c"))
    with pytest.raises(RefusedError, match=r"image 0 is a\.jpg there, and b\.jpg in these"):
        require_same_images({0: Correction("a.jpg", "cat")}, {0: found}.get, Path("c"))


def test_commands_take_corrections_where_they_are_told_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    top = [Prediction(0, "cat", 0.5)]
    lines = [record.ok_line(ImageRef(n, f"{n}.jpg"), top) + b"\n" for n in range(3)]
    Path("r.jsonl").write_bytes(b"".join(lines))
    Path("r.jsonl.corrections.jsonl").write_text(line(1, "lynx", "1.jpg"))
    report = ["report", "r.jsonl", "--pictures", "0", "--where"]
    for words, says in (
        ([*report, "corrected"], "`corrected` needs the option `--corrected`"),
        (["report", "r.jsonl", "--corrected"], "`--corrected` is about `--where`"),
    ):
        assert main(words) == 2
        assert says in capsys.readouterr().err
    for more, count in (((), 3), (("--corrected",), 2)):
        assert main([*report, "label = cat", *more]) == 0
        assert f">{count}<" in Path("report.html").read_text()
    Path("r.jsonl.corrections.jsonl").write_text(line(1, "lynx", "other.jpg"))
    for command in (["review", "r.jsonl"], [*report, "corrected", "--corrected"]):
        assert main(command) == 2
        assert "other.jpg" in capsys.readouterr().err


def test_a_correction_is_the_truth_about_its_image_and_no_other(tmp_path: Path) -> None:
    file = tmp_path / "c.jsonl"
    file.write_text(line(0, "cat", "\ufffd.jpg") + line(1, "dog", "\ufffd.jpg") + line(2, "", "a"))
    truths = read_truth(str(file))
    labels = [truths.of(path, n) for n, path in enumerate(("\udcfe.jpg", "\udcff.jpg"))]
    assert labels == [Truth(None, "cat"), Truth(None, "dog")]
    assert truths.unused == 1
    assert truths.of("\udcfd.jpg", 3) is None
    assert truths.of("a", 9) == truths.of("a") == ANOTHER  # a list that holds it elsewhere
    assert truths.unused == 0


def test_growing_and_finished_results_have_one_file_of_them(tmp_path: Path) -> None:
    expected = tmp_path / "r.jsonl.job" / "corrections.jsonl"
    expected.parent.mkdir()
    assert corrections.beside(tmp_path / "r.jsonl") == expected
    assert corrections.beside(tmp_path / "r.jsonl.part") == expected


def test_corrections_that_are_not_there_are_told_in_the_same_words(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"there is no .*corrections\.jsonl; `batchcls review`"):
        said_of(tmp_path / "r.jsonl")
    with pytest.raises(UsageError, match=r"mine\.jsonl: No such file"):
        said_of(tmp_path / "r.jsonl", str(tmp_path / "mine.jsonl"))
