"""Class folders: names that every system takes, and moves that a kill anywhere cannot spoil."""

import itertools
import json
import os
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from batchcls.cli.main import main
from batchcls.images import Failure, ImageRef, Prediction
from batchcls.report.export import steps
from batchcls.report.export.kinds import folders
from batchcls.report.export.slugs import Slugs
from batchcls.results import record
from tests.report.export.kills import Kills
from tests.support.hostile_results import MEMBER, put

LABELS = ("cat", "Cat", "a/b", "..", "unsure", "cat")


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Six images in two folders, with names that come twice, and one that failed."""
    made = []
    for n, label in enumerate(LABELS):
        image = tmp_path / "in" / f"{n % 2}" / f"{n // 2}.jpg"
        image.parent.mkdir(parents=True, exist_ok=True)
        image.write_text(f"picture {n}")
        made.append(record.ok_line(ImageRef(n, str(image)), [Prediction(n, label, 0.9 - n / 10)]))
    bad = tmp_path / "in" / os.fsdecode(b"\xff.jpg")
    bad.write_text("bad")
    failed = record.failure_line(ImageRef(len(LABELS), str(bad)), Failure("corrupt", "no picture"))
    return put(tmp_path / "r.jsonl", [*made, failed])


def run(*words: object) -> int:
    return main(["export", *map(str, words)])


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, with what is in it."""
    return {
        os.fsdecode(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != folders.TABLE
    }


def table(out: Path) -> list[Mapping[str, Any]]:
    lines = (out / folders.TABLE).read_text().splitlines()
    return [json.loads(line) for line in lines if line.startswith('{"i":')]


@pytest.mark.parametrize("how", [[], ["--copy"], ["--move"]])
def test_each_image_is_in_the_folder_of_its_class(
    how: list[str], results: Path, tmp_path: Path
) -> None:
    before, out = tree(tmp_path / "in"), tmp_path / "out"
    assert run(results, "--to", "folders", "-o", out, "--unsure-below", "0.45", *how) == 0
    for line in table(out):
        place = out / line["to"]
        assert place.read_bytes() == before[os.path.relpath(line["from"], tmp_path / "in")]
        assert place.is_symlink() == (not how)
    assert [line["to"].split("/")[0].split("~")[0] for line in table(out)] == [
        "cat", "Cat", "a_b", "_", "unsure", "unsure", "failed"
    ]  # fmt: skip
    assert len({line["to"].split("/")[0].lower() for line in table(out)[:4]}) == 4
    assert bool(tree(tmp_path / "in")) == (how != ["--move"])
    assert run("--to", "folders", "-o", out, "--undo") == 0
    assert (tree(tmp_path / "in"), out.exists()) == (before, False)


def test_names_that_come_twice_get_a_number_or_keep_their_folders(
    tmp_path: Path, results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    same = [
        record.ok_line(ImageRef(n, f"in/{n}/0.jpg"), [Prediction(0, "cat", 0.5)]) for n in (0, 1)
    ]
    put(results, same)
    monkeypatch.chdir(tmp_path)
    assert run(results, "--to", "folders", "-o", tmp_path / "flat") == 0
    assert [line["to"] for line in table(tmp_path / "flat")] == ["cat/0.jpg", "cat/0~1.jpg"]
    assert run(results, "--to", "folders", "-o", tmp_path / "deep", "--keep-structure") == 0
    assert [line["to"] for line in table(tmp_path / "deep")] == ["cat/in/0/0.jpg", "cat/in/1/0.jpg"]


def test_a_number_that_is_another_images_name_is_passed_over(
    tmp_path: Path, results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["in/a.jpg", "in/a~2.jpg", "in/x/a.jpg", f"in/{'b' * 251}.jpg", f"in/x/{'b' * 251}.jpg"]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
        os.utime(tmp_path / name, (4e9, 4e9))  # a clock that was wrong: not changed since the run
    ok = [
        record.ok_line(ImageRef(n, name), [Prediction(0, "cat", 0.5)])
        for n, name in enumerate(names)
    ]
    put(results, ok)
    monkeypatch.chdir(tmp_path)
    assert run(results, "--to", "folders", "-o", tmp_path / "out") == 0
    put_as = [line["to"] for line in table(tmp_path / "out")]
    assert put_as[:3] == ["cat/a.jpg", "cat/a~2.jpg", "cat/a~2~3.jpg"]
    assert [(tmp_path / "out" / to).read_text() for to in put_as] == names


def test_what_is_no_file_or_has_changed_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [MEMBER, "https://a.org/b.jpg", "s3://bucket/c.jpg", "gone.jpg", "changed.jpg"]
    made = [
        record.ok_line(ImageRef(n, name if ":" in name else f"{tmp_path}/{name}"), [])
        for n, name in enumerate(names)
    ]
    results = put(tmp_path / "r.jsonl", made)
    changed = tmp_path / "changed.jpg"
    changed.touch()
    before = results.stat().st_mtime - 10
    os.utime(results, (before, before))
    assert run(results, "--to", "folders", "-o", tmp_path / "out") == 2
    said = capsys.readouterr().err
    assert "1 image: inside a container" in said
    assert "2 images: not a file on this machine (https://a.org/b.jpg, s3://bucket/c.jpg)" in said
    assert "1 image: no longer there" in said
    assert "1 image: changed since the run" in said
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("other_disk", [False, True])
@pytest.mark.parametrize("then", ["again", "undo"])
def test_a_kill_at_any_step_of_a_move_is_completed_or_taken_back(
    other_disk: bool, then: str, results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(results, results.read_bytes().splitlines()[:2])
    before, out = tree(tmp_path / "in"), tmp_path / "out"
    words = (results, "--to", "folders", "-o", out, "--move")
    undo = ("--to", "folders", "-o", out, "--undo")
    kills = Kills(monkeypatch, other_disk=other_disk)
    for at in itertools.count(1):
        if not kills.killed(at, lambda: run(*words)):
            break
        if then == "again":
            done = out.exists() and steps.DONE in (out / folders.TABLE).read_text()
            assert run(*words) == (2 if done else 0)
            assert sorted(tree(out).values()) == [b"picture 0", b"picture 1"]
            assert len(tree(tmp_path / "in")) == len(before) - 2
        if out.exists() and kills.killed(at, lambda: run(*undo)):
            if (out / folders.TABLE).exists():
                assert run(*undo) == 0
            elif out.exists():
                out.rmdir()
        assert tree(tmp_path / "in") == before
        assert not out.exists()
    assert at > 15


def test_a_picture_that_somebody_put_in_between_stays(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run(results, "--to", "folders", "-o", out, "--move") == 0
    mine = tmp_path / "in" / "0" / "0.jpg"
    mine.write_text("mine")
    assert run("--to", "folders", "-o", out, "--undo") == 2
    assert "0.jpg exists" in capsys.readouterr().err
    assert (mine.read_text(), (out / "cat" / "0.jpg").read_text()) == ("mine", "picture 0")
    mine.unlink()
    assert run("--to", "folders", "-o", out, "--undo") == 0
    assert (mine.read_text(), out.exists()) == ("picture 0", False)


@given(st.lists(st.text(), unique=True, max_size=30))
@example(["a/b", ".", "..", "", "N\0UL", "x" * 300, "猫" * 99, "con", "CON.txt", "com¹.", " cat"])
@example(["Cat", "cat", "CAT", "cat.", "cat ", "e\u0301", "é", "unsure", "failed", "a_b", "a:b"])
def test_slugs_are_names_on_every_system_and_no_two_are_one(labels: list[str]) -> None:
    slugs = Slugs("unsure", "failed")
    made = [slugs[label] for label in labels]
    assert len({unicodedata.normalize("NFC", name).lower() for name in made}) == len(made)
    for name in made:
        assert name.isprintable()
        assert 0 < len(name.encode()) <= 170
        assert not {*name} & {*'/\\:*?"<>|'}
        assert name.strip(" ") == name.rstrip(".") == name
        assert name[0] not in ".~-"
        assert name.split(".")[0].lower() not in {"con", "nul", "com1", "com¹", "unsure", "failed"}
    assert [slugs[label] for label in labels] == made


def test_good_labels_are_kept_as_they_are() -> None:
    labels = ["tench, Tinca tinca", "jack-o'-lantern", "猫", "n01440764", "a&b (c)"]
    slugs = Slugs()
    assert [slugs[label] for label in labels] == labels
