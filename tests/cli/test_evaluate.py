"""What `evaluate` says of a results file."""

import json
from pathlib import Path

import pytest

from batchcls.cli.main import main


def test_evaluate_as_json(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    truth = results.with_name("truth.csv")
    truth.write_text("file,label\ncat/a.jpg,cat\nclass 1/a.jpg,dog\nelsewhere.jpg,dog\n")
    assert main(["evaluate", str(results), "--truth", str(truth), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["counted"], found["top1"]["right"], found["complete"]) == (2, 1, True)
    assert main(["evaluate", str(results), "--truth", str(truth)]) == 0
    assert "1 image of the truth not in the results" in capsys.readouterr().out


def test_what_cannot_be_compared_has_no_figure(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    truth = results.with_name("truth.csv")
    truth.write_text("file,label\ncat/a.jpg,horse\nclass 1/a.jpg,dog\n")
    assert main(["evaluate", str(results), "--truth", str(truth)]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "none of the true classes (dog, horse) occurs in the results (cat)" in printed.err
