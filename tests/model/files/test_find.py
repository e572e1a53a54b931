"""Which model a folder means, and where the files that belong to it are looked for."""

import json
from pathlib import Path
from typing import Any

import pytest

from batchcls.errors import ModelError
from batchcls.job.job import Job
from batchcls.job.threads import Threads
from batchcls.model.files import beside, find
from batchcls.model.infer.classifier import Classifier
from tests.support import onnx_models

ONE = Threads(nthreads=1, nstreams="1", nireq=1)
PREPROCESSOR = {"image_processor_type": "ViTImageProcessor", "size": {"height": 8, "width": 8}}
CONFIG = {"model_type": "vit", "id2label": {"0": "red", "1": "green", "2": "blue"}}


def made(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"")
    return root


def opened(model: Path) -> dict[str, Any]:
    classifier = Classifier.open(Job(model=str(model), cache=False), ONE)
    classifier.close()
    return classifier.description


@pytest.mark.parametrize(
    ("files", "found"),
    [
        (["config.json", "onnx/model.onnx", "onnx/model_fp16.onnx"], "onnx/model.onnx"),
        (["openvino/openvino_model.xml", "openvino/openvino_model.bin", "onnx/model.onnx"],
         "openvino/openvino_model.xml"),
        (["openvino/openvino_model.xml", "openvino/openvino_model.bin", "model.onnx"],
         "openvino/openvino_model.xml"),
        (["model.safetensors", "onnx/model.onnx"], "onnx/model.onnx"),
        (["1/model.onnx"], "1/model.onnx"),
        (["1/model.onnx", "2/model.onnx", "10/model.onnx"], "10/model.onnx"),
        (["1/model.xml", "1/model.bin", "config.pbtxt"], "1/model.xml"),
        (["frozen.pb", "label_map.pbtxt"], "frozen.pb"),
        (["graph.pbtxt", "mscoco_label_map.pbtxt"], "graph.pbtxt"),
        (["1/saved_model.pb"], "1"),
        (["1/model.savedmodel/saved_model.pb"], "1/model.savedmodel"),
        (["labels.txt", "model.savedmodel/saved_model.pb"], "model.savedmodel"),
        (["1700000000/saved_model.pb", "1600000000/saved_model.pb"], "1700000000"),
        (["model.xml", "1/other.xml"], "model.xml"),
    ],
)  # fmt: skip
def test_the_model_of_a_folder(tmp_path: Path, files: list[str], found: str) -> None:
    assert find.model_file(made(tmp_path, *files)) == tmp_path / found


def test_a_file_of_weights_stands_for_its_model(tmp_path: Path) -> None:
    for weights, model in (("m.bin", "m.xml"), ("inference.pdiparams", "inference.pdmodel")):
        (tmp_path / weights).touch()
        assert find.model_file(tmp_path / weights).name == weights
        (tmp_path / model).touch()
        assert find.model_file(tmp_path / weights).name == model


@pytest.mark.parametrize(
    ("files", "match"),
    [
        (["readme.md"], "holds no model"),
        (["photos/a.onnx"], "holds no model"),
        (["a.onnx", "b.onnx"], "several models"),
        (["a.onnx", "model.onnx"], "several models"),
        (["1/a.onnx", "1/b.onnx"], "several models"),
        (["onnx/a.onnx", "onnx/b.onnx"], "several models"),
        (["pytorch_model.bin", "model.safetensors"], "optimum-cli export openvino"),
    ],
)
def test_folders_that_mean_no_one_model(tmp_path: Path, files: list[str], match: str) -> None:
    with pytest.raises(ModelError, match=match):
        find.model_file(made(tmp_path, *files))


@pytest.mark.runs
@pytest.mark.parametrize("place", ["onnx", "openvino", "1", "onnx/1"])
@pytest.mark.parametrize("named", ["the folder", "the model's folder", "the file"])
def test_settings_above_the_models_folder_are_its(tmp_path: Path, place: str, named: str) -> None:
    model = onnx_models.colours(tmp_path / "repo" / place / "model.onnx")
    (tmp_path / "repo" / "config.json").write_text(json.dumps(CONFIG))
    (tmp_path / "repo" / "preprocessor_config.json").write_text(json.dumps(PREPROCESSOR))
    if place == "onnx/1" and named == "the folder":
        named = "the model's folder"
    path = {"the folder": tmp_path / "repo", "the model's folder": model.parent, "the file": model}
    told = opened(path[named])
    assert told["labels"]["names"] == ["red", "green", "blue"]
    assert told["origin"]["mean_values"] == "preprocessor_config.json"
    assert told["warnings"] == []


def test_files_of_the_models_own_folder_come_first(tmp_path: Path) -> None:
    model = onnx_models.colours(tmp_path / "repo" / "onnx" / "model.onnx")
    (tmp_path / "repo" / "config.json").write_text(json.dumps(CONFIG))
    own = model.parent / "config.json"
    own.write_text(json.dumps(CONFIG | {"id2label": {"0": "a", "1": "b", "2": "c"}}))
    assert opened(model)["labels"]["names"] == ["a", "b", "c"]
    assert find.model_files(model) == [model, own]


def test_settings_above_change_the_models_hash(tmp_path: Path) -> None:
    model = made(tmp_path, "onnx/model.onnx") / "onnx" / "model.onnx"
    before = find.model_hash(model)
    (tmp_path / "config.json").write_text("{}")
    assert find.model_hash(model) != before


def test_other_folders_are_not_looked_above(tmp_path: Path) -> None:
    made(tmp_path, "config.json", "models/model.onnx")
    assert beside.files(tmp_path / "models" / "model.onnx") == []
