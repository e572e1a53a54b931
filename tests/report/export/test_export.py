"""An export is whole or not there, never over anything, and the same each time."""

import csv
import fcntl
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from batchcls.cli.main import main
from batchcls.images import ImageRef, Prediction
from batchcls.report.export.place import appearing
from batchcls.results import record
from tests.support.hostile_results import LABELS, NOT_UTF8, put


def run(*words: object) -> int:
    return main(["export", *map(str, words)])


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_csv_has_each_image(results: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    assert run(results, "--to", "csv", "-o", out) == 0
    rows = rows_of(out)
    assert len(rows) == len(LABELS) + 2
    for row, label in zip(rows, LABELS, strict=False):
        assert row["label"].removeprefix("'" if label[:1] in "=+-@\t\r\n" else "") == label
        assert (row["score"], row["error"]) == ("0.750000", "")
    failed, nothing = rows[-2:]
    assert (failed["label"], failed["score"], failed["error"]) == ("", "", "truncated")
    assert failed["message"] == "the file ends, early"
    assert (nothing["label"], nothing["score"], nothing["error"]) == ("", "", "")


def test_no_field_is_a_formula(results: Path, tmp_path: Path) -> None:
    run(results, "--to", "csv", "-o", tmp_path / "out.csv")
    for row in rows_of(tmp_path / "out.csv"):
        assert not any(value.startswith(("=", "+", "-", "@", "\t", "\r")) for value in row.values())


def test_long_has_each_class(results: Path, tmp_path: Path) -> None:
    assert run(results, "--to", "csv", "-o", tmp_path / "out.csv", "--long") == 0
    rows = rows_of(tmp_path / "out.csv")
    assert len(rows) == 3 * len(LABELS) + 2
    assert [row["rank"] for row in rows[:4]] == ["1", "2", "3", "1"]
    assert [row["error"] for row in rows[-2:]] == ["truncated", ""]


def test_a_name_that_is_not_utf8_has_its_bytes(tmp_path: Path) -> None:
    results = put(tmp_path / "r.jsonl", [record.ok_line(ImageRef(0, NOT_UTF8), [])])
    run(results, "--to", "csv", "-o", tmp_path / "out.csv")
    assert rows_of(tmp_path / "out.csv")[0]["path_b64"] == "ZC//LmpwZw=="


def test_facts_are_columns_where_there_are_some(tmp_path: Path) -> None:
    image = ImageRef(0, "a.jpg")
    made = [record.ok_line(image, [], {"margin": 0.5, "sha256": "0" * 64})]
    results = put(tmp_path / "r.jsonl", made)
    run(results, "--to", "csv", "-o", tmp_path / "out.csv")
    row = rows_of(tmp_path / "out.csv")[0]
    assert (row["margin"], row["sha256"], "width" in row) == ("0.500000", "0" * 64, False)


def test_corrections_are_laid_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    top = [Prediction(0, "cat", 0.5)]
    results = put(tmp_path / "r.jsonl", [record.ok_line(ImageRef(n, f"{n}"), top) for n in (0, 1)])
    out, said = tmp_path / "out.csv", tmp_path / "r.jsonl.job" / "corrections.jsonl"
    assert run(results, "--to", "csv", "-o", out, "--corrected") == 2
    assert "there is no" in capsys.readouterr().err
    said.parent.mkdir()
    said.write_text('{"i":1,"path":"1","label":"lynx","was":"cat","at":""}\n')
    assert (
        run(results, "--to", "csv", "-o", out, "--corrected", "--where", "score < 1 or corrected")
        == 0
    )
    assert [(r["label"], r["score"], r["corrected"]) for r in rows_of(out)] == [
        ("cat", "0.500000", "0"), ("lynx", "", "1")
    ]  # fmt: skip


def test_an_answer_that_is_only_wrong_has_no_class(tmp_path: Path) -> None:
    results = put(
        tmp_path / "r.jsonl", [record.ok_line(ImageRef(0, "a"), [Prediction(0, "cat", 0.5)])]
    )
    said = tmp_path / "c.jsonl"
    said.write_text('{"i":0,"path":"a","label":""}\n')
    for words in ([], ["--long"]):
        out = tmp_path / f"{len(words)}.sqlite"
        assert run(results, "--to", "sqlite", "-o", out, "--corrections", said, *words) == 0
        with closing(sqlite3.connect(out)) as database:
            table = "classes" if words else "images"
            found = database.execute(f'select label, score, "index", corrected from {table}')
            assert found.fetchall() == [(None, None, None, 1)]


@pytest.mark.parametrize("expression", ["corrected", "not corrected"])
def test_corrected_without_corrections_is_refused(
    expression: str, results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(results, "--to", "csv", "-o", tmp_path / "out.csv", "--where", expression) == 2
    assert "needs the option `--corrected`" in capsys.readouterr().err


def test_growing_results_are_taken_as_far_as_they_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    part = put(tmp_path / "r.jsonl.part")
    whole = part.read_bytes()
    part.write_bytes(whole[:-5])
    assert run(tmp_path / "r.jsonl", "--to", "csv", "-o", tmp_path / "out.csv") == 0
    assert "is not complete; these are its results so far" in capsys.readouterr().err
    assert len(rows_of(tmp_path / "out.csv")) == whole.count(b"\n") - 1


def test_finished_results_that_are_cut_are_refused(results: Path, tmp_path: Path) -> None:
    results.write_bytes(results.read_bytes()[:-5])
    assert run(results, "--to", "csv", "-o", tmp_path / "out.csv") == 2
    assert [path.name for path in tmp_path.iterdir()] == ["results.jsonl"]


def test_what_is_there_stays(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, folder, link = (tmp_path / name for name in ("file", "folder", "link"))
    file.write_text("mine")
    folder.mkdir()
    link.symlink_to("nowhere")
    for there in (file, folder, link):
        assert run(results, "--to", "csv", "-o", there) == 2
        assert "exists; choose another name" in capsys.readouterr().err
    assert run(results, "--to", "csv", "-o", "/") == 2
    assert "/ is no name for an export" in capsys.readouterr().err
    assert run(results, "--to", "csv", "-o", "") == 2
    assert "-o is no name for an export" in capsys.readouterr().err
    assert (file.read_text(), [*folder.iterdir()], link.exists()) == ("mine", [], False)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--to", "exel", "-o", "out"], "--to exel: expected csv"),
        (["--to", "csv", "-o", "no/out.csv"], "there is no folder"),
        (["results.jsonl", "--to", "csv", "-o", "out"], "`--to csv` takes one results file"),
        (["--to", "csv", "-o", "out", "--where", "label"], "--where: expected ="),
    ],
)  # fmt: skip
def test_mistakes_are_told(
    words: list[str], says: str, results: Path, tmp_path: Path,
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert run(results.name, *words) == 2
    assert says in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["results.jsonl"]


def test_another_export_that_ends_meanwhile_takes_nothing_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    lock = fcntl.flock
    others: list[int] = []

    def late(descriptor: int, how: int) -> None:
        """Lock, but first another process ends, whose folder was opened just now."""
        if not others:
            others.append(os.stat(descriptor).st_ino)
            (tmp_path / ".out.exporting").rename(tmp_path / "gone")
        lock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", late)
    with appearing(out) as aside:
        assert aside.parent.stat().st_ino not in others
        aside.write_text("mine")
    assert out.read_text() == "mine"


def test_the_folder_of_an_export_that_was_killed_as_it_ended_goes(
    results: Path, tmp_path: Path
) -> None:
    (tmp_path / "out.csv").write_text("whole")
    (tmp_path / ".out.csv.exporting").mkdir()
    assert run(results, "--to", "csv", "-o", tmp_path / "out.csv") == 2
    assert {path.name for path in tmp_path.iterdir()} == {"results.jsonl", "out.csv"}


def test_places_and_checksums_are_no_formulas(tmp_path: Path) -> None:
    facts = {"phash": "0" * 16, "captured": "", "camera": "-1", "gps": "-33.859833,151.200000"}
    made = [record.ok_line(ImageRef(0, "\uff1dA1"), [Prediction(0, "\uff20x", 0.5)], facts)]
    results = put(tmp_path / "r.jsonl", made)
    run(results, "--to", "csv", "-o", tmp_path / "out.csv")
    row = rows_of(tmp_path / "out.csv")[0]
    assert (row["gps"], row["phash"], row["captured"]) == (facts["gps"], facts["phash"], "")
    assert (row["camera"], row["path"], row["label"]) == ("'-1", "'\uff1dA1", "'\uff20x")


@pytest.mark.runs
def test_a_kill_leaves_nothing_under_the_name_and_the_next_one_cleans_up(tmp_path: Path) -> None:
    line = record.ok_line(ImageRef(0, "a.jpg"), [Prediction(0, "cat", 0.5)])
    results = put(
        tmp_path / "r.jsonl", [line.replace(b'"i":0', b'"i":%d' % n) for n in range(200_000)]
    )
    out, aside = tmp_path / "out.csv", tmp_path / ".out.csv.exporting"
    command = [
        sys.executable,
        "-m",
        "batchcls",
        "export",
        str(results),
        "--to",
        "csv",
        "-o",
        str(out),
    ]
    process = subprocess.Popen(command)
    until = time.monotonic() + 60
    while not (aside / "out.csv").exists() and time.monotonic() < until:
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGSTOP)
    assert run(results, "--to", "csv", "-o", out) == 2  # one writes it
    process.kill()
    process.wait()
    assert not out.exists()
    assert aside.exists()
    assert run(results, "--to", "csv", "-o", out, "--where", "failed") == 0
    assert not aside.exists()
    assert out.read_text().count("\n") == 1
