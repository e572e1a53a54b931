"""Exports are taken by the importers' own code.

Run by `tox -e importers`, which has them.
"""

import json
from pathlib import Path

import pytest

from batchcls.cli.main import main
from batchcls.images import ImageRef, Prediction
from batchcls.model.builtin.stored_png import GRAY, stored_png
from batchcls.results import record
from tests.support.hostile_results import LABELS, NUL, lines, put

pytestmark = pytest.mark.filterwarnings("default")  # the importers' own


def export(results: Path, kind: str, out: Path, *words: str) -> None:
    assert main(["export", str(results), "--to", kind, "-o", str(out), *words]) == 0


def test_label_studio_finds_nothing_wrong(results: Path, tmp_path: Path) -> None:
    interface = pytest.importorskip(
        "label_studio_sdk.label_interface", reason="tox -e importers"
    ).LabelInterface
    export(results, "label-studio", tmp_path / "out")
    config = interface((tmp_path / "out" / "config.xml").read_text(encoding="utf-8"))
    assert {*config.get_control("choice").labels} == {*LABELS}
    tasks = json.loads((tmp_path / "out" / "tasks-00001.json").read_text())
    predictions = [said for task in tasks for said in task["predictions"]]
    assert len(predictions) == len(LABELS)
    for prediction in predictions:
        assert config.validate_prediction(prediction, return_errors=True) == []
    predictions[0]["result"][0]["value"]["choices"] = ["no such label"]
    assert config.validate_prediction(predictions[0], return_errors=True) != []


def facts(n: int) -> dict[str, int | str]:
    return {"width": n + 1, "captured": "2024-05-01T13:45:12"}


def test_datasets_reads_an_image_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    datasets = pytest.importorskip("datasets", reason="tox -e importers")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    folder = tmp_path / "test photos"
    folder.mkdir()
    monkeypatch.chdir(folder)
    labels = [*LABELS, NUL]
    names = [f"valid {n}.png" if n % 2 else f"train-{n}/a.png" for n in range(len(labels))]
    for n, name in enumerate(names):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(stored_png((n + 1, 2), 8, GRAY, bytes(2 * (n + 2))))
    made = [
        record.ok_line(ImageRef(n, name), [Prediction(n, label, n / 100)], facts(n))
        for n, (name, label) in enumerate(zip(names, labels, strict=True))
    ]
    results = put(tmp_path / "results.jsonl", [*made, lines(labels)[-2]])
    export(results, "hf", tmp_path / "out")
    found = datasets.load_dataset(
        "imagefolder", data_dir=str(tmp_path / "out"), cache_dir=str(tmp_path / "cache")
    )
    assert [*found] == ["train"]
    rows = list(found["train"])
    assert [row["label"] for row in rows] == labels
    assert [row["score"] for row in rows] == [n / 100 for n in range(len(labels))]
    assert [row["image"].size for row in rows] == [(n + 1, 2) for n in range(len(labels))]
    assert [row["path"] for row in rows] == names
    assert {row["captured"] for row in rows} == {"2024:05:01 13:45:12"}


def test_megadetectors_validator_finds_nothing_wrong(tmp_path: Path) -> None:
    validating = pytest.importorskip(
        "megadetector.postprocessing.validate_batch_results", reason="tox -e importers"
    )
    labels = [label for label in (*LABELS, NUL) if label.strip()]
    results = put(tmp_path / "results.jsonl", lines(labels))
    export(results, "megadetector", tmp_path / "out.json")
    found = validating.validate_batch_results(str(tmp_path / "out.json"))["validation_results"]
    assert (found["errors"], found["warnings"]) == ([], [])
    assert found["detection_category_id_to_count"] == {"1": len(labels)}
    assert sum(found["classification_category_id_to_count"].values()) == 3 * len(labels)
