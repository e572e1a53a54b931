"""What the exports for other people's tools hold, by the rules of these tools."""

import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from batchcls.cli.main import main
from batchcls.display.text import safe
from batchcls.images import Failure, ImageRef, Prediction
from batchcls.report.export.kinds import label_studio
from batchcls.results import record
from tests.support.exported import content
from tests.support.hostile_results import FRAME, LABELS, MEMBER, NAMES, NOT_UTF8, NUL, lines, put

KINDS = ("label-studio", "hf", "megadetector")


def run(*words: object) -> int:
    return main(["export", *map(str, words)])


def one(path: str, label: str = "cat", score: float = 0.5, index: int = 0) -> bytes:
    return record.ok_line(ImageRef(index, path), [Prediction(0, label, score)])


def tasks_of(out: Path) -> list[dict[str, Any]]:
    files = sorted(out.glob("tasks-*.json"))
    return [task for file in files for task in json.loads(file.read_text())]


# ---- label-studio


def test_tasks_have_the_best_class_and_failures_have_none(results: Path, tmp_path: Path) -> None:
    assert run(results, "--to", "label-studio", "-o", tmp_path / "out") == 0
    tasks = tasks_of(tmp_path / "out")
    assert [t["predictions"][0]["result"][0]["value"]["choices"] for t in tasks[:-2]] == [
        [label] for label in LABELS
    ]
    assert {t["predictions"][0]["score"] for t in tasks[:-2]} == {0.75}
    assert [t["predictions"] for t in tasks[-2:]] == [[], []]
    assert tasks[-2]["data"]["error"] == "truncated"


def test_names_are_what_the_server_decodes_them_to(results: Path, tmp_path: Path) -> None:
    run(results, "--to", "label-studio", "-o", tmp_path / "out")
    begin = "/data/local-files/?d="
    for task, name in zip(tasks_of(tmp_path / "out"), NAMES, strict=False):
        assert task["data"]["image"].startswith(begin)
        assert task["data"]["image"].isascii()
        assert not {*task["data"]["image"].removeprefix(begin)} & {*" #&?\"'"}
        assert unquote(task["data"]["image"].removeprefix(begin)) == name


@pytest.mark.parametrize(
    ("prefix", "path", "url"),
    [
        ("https://x.org/p/", "a b.jpg", "https://x.org/p/a%20b.jpg"),
        ("s3://bucket/p/", "a b.jpg", "s3://bucket/p/a b.jpg"),
        ("https://x.org/p/", "s3://other/a b.jpg", "s3://other/a b.jpg"),
        ("", "/abs/a.jpg", "/data/local-files/?d=abs/a.jpg"),
    ],
)
def test_urls(prefix: str, path: str, url: str, tmp_path: Path) -> None:
    results = put(tmp_path / "r.jsonl", [one(path)])
    run(results, "--to", "label-studio", "-o", tmp_path / "out", "--url-prefix", prefix)
    assert tasks_of(tmp_path / "out")[0]["data"]["image"] == url


def test_large_results_are_several_arrays(
    results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(label_studio, "TASKS", 10)
    run(results, "--to", "label-studio", "-o", tmp_path / "out")
    sizes = [len(json.loads(p.read_text())) for p in sorted((tmp_path / "out").glob("*.json"))]
    assert sizes[:-1] == [10] * (len(sizes) - 1)
    assert sum(sizes) == len(LABELS) + 2


def test_several_results_are_several_predictions(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = put(tmp_path / "small.jsonl", [one("a"), one("b", index=1)])
    second = put(tmp_path / "large.jsonl", [one("a", "dog", 0.9), one("b", "cat", 0.8, 1)])
    assert run(first, second, "--to", "label-studio", "-o", tmp_path / "out") == 0
    said = tasks_of(tmp_path / "out")[0]["predictions"]
    assert [(p["model_version"], p["score"]) for p in said] == [("small", 0.5), ("large", 0.9)]
    put(second, [one("a", "dog"), one("c", index=1)])
    assert run(first, second, "--to", "label-studio", "-o", tmp_path / "no") == 2
    assert "image 1 is b in" in capsys.readouterr().err
    put(second, [one("a", "dog")])
    assert run(first, second, "--to", "label-studio", "-o", tmp_path / "no") == 2
    assert "fewer images than the other results" in capsys.readouterr().err


def test_a_correction_is_sure_and_says_so(tmp_path: Path) -> None:
    results = put(tmp_path / "r.jsonl", [one("a")])
    said = tmp_path / "c.jsonl"
    said.write_text('{"i":0,"path":"a","label":"lynx"}\n')
    run(results, "--to", "label-studio", "-o", tmp_path / "out", "--corrections", said)
    found = tasks_of(tmp_path / "out")[0]["predictions"][0]
    assert (found["model_version"], found["score"]) == ("corrected", 1.0)
    assert '"lynx"' in (tmp_path / "out" / "config.xml").read_text()


def test_an_answer_that_is_only_wrong_has_no_class_anywhere(tmp_path: Path) -> None:
    results = put(tmp_path / "r.jsonl", [one("a.jpg")])
    said = tmp_path / "c.jsonl"
    said.write_text('{"i":0,"path":"a.jpg","label":""}\n')
    for kind in KINDS:
        out = tmp_path / kind
        assert run(results, "--to", kind, "-o", out, "--corrections", said) == 0
    assert tasks_of(tmp_path / "label-studio")[0]["predictions"] == []
    assert 'value=""' not in (tmp_path / "label-studio" / "config.xml").read_text()
    line = json.loads((tmp_path / "hf" / "train" / "metadata.jsonl").read_text())
    assert (line["label"], line["score"]) == ("", 0.0)
    image = json.loads((tmp_path / "megadetector").read_text())["images"][0]
    assert image == {"file": "a.jpg", "detections": []}


# ---- hf


def test_times_are_written_so_that_they_stay_text(tmp_path: Path) -> None:
    times = ("2024-05-01T13:45:12", "2024-05-01T13:45:12.5-02:00", "")
    made = [
        record.ok_line(ImageRef(n, f"{n}.jpg"), [], {"captured": time})
        for n, time in enumerate(times)
    ]
    run(put(tmp_path / "r.jsonl", made), "--to", "hf", "-o", tmp_path / "out")
    lines = (tmp_path / "out" / "train" / "metadata.jsonl").read_text().splitlines()
    assert [json.loads(line)["captured"] for line in lines] == [
        "2024:05:01 13:45:12", "2024:05:01 13:45:12.5-02:00", ""
    ]  # fmt: skip


def test_images_are_links_beside_what_is_known_of_them(results: Path, tmp_path: Path) -> None:
    assert run(results, "--to", "hf", "-o", tmp_path / "out") == 0
    train = tmp_path / "out" / "train"
    found = [json.loads(line) for line in (train / "metadata.jsonl").read_text().splitlines()]
    assert [line["label"] for line in found] == [*LABELS, ""]
    for line, name in zip(found, NAMES, strict=False):
        folder, _, last = line["file_name"].partition("/")
        assert Path(os.readlink(train / folder)) / last == Path.cwd() / name
    failed = json.loads((tmp_path / "out" / "failed.jsonl").read_text())
    assert (failed["path"], failed["error"]) == ("d/failed.jpg", "truncated")


# ---- megadetector


def test_timelapse_finds_classes_and_failures(results: Path, tmp_path: Path) -> None:
    usable = put(tmp_path / "r.jsonl", lines([label for label in LABELS if label.strip()]))
    assert run(usable, "--to", "megadetector", "-o", tmp_path / "out.json") == 0
    found = json.loads((tmp_path / "out.json").read_text())
    assert found["info"]["format_version"] == "1.6"
    names = found["classification_categories"]
    first, *_, failed, nothing = found["images"]
    box = first["detections"][0]
    assert (first["file"], box["conf"], box["bbox"]) == (NAMES[0], 0.75, [0, 0, 1, 1])
    assert [[names[n], s] for n, s in box["classifications"]] == [
        ["tabby", 0.75], ["</script>", 0.1], ["=1+1", 0.1]
    ]  # fmt: skip
    assert failed["failure"] == "truncated: the file ends, early"
    assert (failed["detections"], nothing["detections"]) == (None, [])


# ---- what they cannot hold


@pytest.mark.parametrize(
    ("kind", "made", "why"),
    [
        *((kind, one(MEMBER), "inside a container") for kind in KINDS),
        *((kind, one(FRAME), "inside a container or a file of several") for kind in KINDS),
        *((kind, one(NOT_UTF8), "not UTF-8") for kind in KINDS),
        ("label-studio", one("a.jpg", NUL), "characters that XML cannot hold"),
        ("label-studio", one("https://x.org/a.jpg?…c28002e9"), "a URL whose query"),
        ("hf", one("https://x.org/a.jpg"), "not a file on this machine"),
        ("hf", one("a.heic"), "of a format that `datasets` does not read"),
        ("hf", one("a\\b.jpg"), "a name with a backslash"),
        ("megadetector", one("a.jpg", " "), "a blank label"),
        ("megadetector", one("s3://b/a.jpg"), "not a file, where"),
        ("megadetector", one("a.mp4"), "a video's name"),
        ("megadetector", one("a.jpg", "cat", 12.5), "a score that is no probability"),
    ],
)
def test_what_a_kind_cannot_hold_is_named_and_counted(
    kind: str, made: bytes, why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    failure = record.failure_line(ImageRef(1, "b.jpg"), Failure("empty", "no bytes"))
    results, out = put(tmp_path / "r.jsonl", [made, failure]), tmp_path / "out"
    assert run(results, "--to", kind, "-o", out) == 2
    said = capsys.readouterr().err
    assert why in said
    assert "1 image: " in said
    assert safe(record.parse(made).path) in said
    assert not out.exists()
    assert run(results, "--to", kind, "-o", out, "--leave-out") == 0
    assert f"{out}: 1 image, 1 failed" in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["csv", "sqlite", *KINDS])
def test_again_gives_the_same_bytes(kind: str, tmp_path: Path) -> None:
    results = put(tmp_path / "r.jsonl", lines([label for label in LABELS if label.strip()]))
    for name in ("one", "two"):
        assert run(results, "--to", kind, "-o", tmp_path / name) == 0
    assert content(tmp_path / "one") == content(tmp_path / "two")


@pytest.mark.parametrize("kind", ["csv", "sqlite", *KINDS])
def test_no_room_leaves_nothing(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest
) -> None:
    results = put(tmp_path / "r.jsonl", [one(f"d/{n}.jpg", "x" * 50, index=n) for n in range(500)])
    request.getfixturevalue("small_files")
    assert run(results, "--to", kind, "-o", tmp_path / "out") == 4
    assert "out: " in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["r.jsonl"]
