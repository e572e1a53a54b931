"""Exports are read back by Datumaro: each image, label and score.

Run by `tox -e datumaro`, which has it.
"""

from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from batchcls.cli.main import main
from batchcls.images import Failure, ImageRef, Prediction
from batchcls.model.builtin.stored_png import GRAY, stored_png
from batchcls.results import record
from tests.support.hostile_results import LABELS, NAMES, NUL, put

datumaro = pytest.importorskip("datumaro", reason="tox -e datumaro")

pytestmark = pytest.mark.filterwarnings("default")  # the reader's own

FITS = {
    "datumaro": [label for label in (*LABELS, NUL) if label],
    "coco": [label for label in (*LABELS, NUL) if label],
    "cvat": [label for label in LABELS if label.strip() == label != "" and len(label) < 65],
}


def read(kind: str, out: Path) -> Any:
    if kind == "cvat":
        with ZipFile(out / "annotations-00001.zip") as archive:
            archive.extractall(out)
    found = out / "annotations" / "labels_default.json" if kind == "coco" else out
    return datumaro.Dataset.import_from(str(found), kind)


@pytest.mark.parametrize("kind", FITS)
def test_labels_and_scores_are_read_back(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "photos").mkdir()
    monkeypatch.chdir(tmp_path / "photos")
    made, expected = [], {}
    for n, label in enumerate(FITS[kind]):
        name = NAMES[n] if n < len(NAMES) else f"d/{n}.png"
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_bytes(stored_png((n + 1, 2), 8, GRAY, bytes(2 * (n + 2))))
        made.append(record.ok_line(ImageRef(n, name), [Prediction(n, label, n / 100)]))
        expected[name] = [(label, n / 100)]
    n = len(made)
    made.append(record.failure_line(ImageRef(n, "d/bad.png"), Failure("empty", "no bytes")))
    made.append(record.ok_line(ImageRef(n + 1, "d/none.png"), []))
    for name in ("d/bad.png", "d/none.png"):
        Path(name).write_bytes(b"")
    expected |= {"d/bad.png": [], "d/none.png": []}
    if kind == "cvat":
        del expected["d/bad.png"]
    # What another tool has left there is not read.
    Path("annotations").mkdir()
    Path("annotations/instances_train.json").write_text("{")
    results = put(tmp_path / "results.jsonl", made)
    assert main(["export", str(results), "--to", kind, "-o", "../out"]) == 0

    found = read(kind, tmp_path / "out")
    names = [one.name for one in found.categories()[datumaro.AnnotationType.label]]
    assert sorted(names) == sorted(FITS[kind])
    said, pictures = {}, {}
    for item in found:
        said[item.id] = [
            (names[tag.label], float(tag.attributes["score"])) for tag in item.annotations
        ]
        pictures[item.id] = item.media.path
        if kind != "cvat":
            assert (item.id == "d/bad.png") == (item.attributes.get("error") == "empty")
    keys = {name: name if kind == "datumaro" else name.rpartition(".")[0] for name in expected}
    assert said == {keys[name]: tags for name, tags in expected.items()}
    assert len(found) == len(expected)
    for name, key in keys.items():
        assert Path(pictures[key]).resolve() == Path(name).resolve()
