"""What Ultralytics writes into its exports and beside them, and what is made of it."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from batchcls.errors import LabelsError, ModelError
from batchcls.job.job import Job
from batchcls.job.threads import Threads
from batchcls.model.infer.classifier import Classifier
from batchcls.model.metadata import tflite, ultralytics, yaml_files
from batchcls.model.preprocess.settings import Settings
from tests.support import onnx_models
from tests.support import tiny_models as tiny

ONE = Threads(nthreads=1, nstreams="1", nireq=1)


def read(path: Path) -> Settings:
    return ultralytics.settings(yaml_files.read(path), str(path))


def test_what_an_export_says(tmp_path: Path) -> None:
    path = tmp_path / "metadata.yaml"
    path.write_text(
        "description: Ultralytics YOLO11n-cls model trained on imagenet.yaml\n"
        "author: Ultralytics\nstride: 1\ntask: classify\nbatch: 1\nimgsz:\n- 224\n- 224\n"
        "names:\n  0: tench\n  1: 'jack-o''-lantern'\n  2: \"fish: gold\"\n"
        "args: {'batch': 1, 'half': False}\nchannels: 3\n"
    )
    found = read(path)
    assert found.labels == ("tench", "jack-o'-lantern", "fish: gold")
    assert (found.resize_type, found.resize_to) == ("shortest_edge", (224, 224))
    assert (found.interpolation, found.scale_values) == ("pillow_bilinear", (255.0,))


def test_other_tasks_and_other_files(tmp_path: Path) -> None:
    path = tmp_path / "metadata.yaml"
    path.write_text("title: something\n")
    assert read(path).silent
    path.write_text("task: detect\nnames:\n  0: person\n")
    with pytest.raises(ModelError, match="detect"):
        read(path)


def test_yaml_of_any_shape(tmp_path: Path) -> None:
    """Folded lines, quoted keys, flow and block lists, anchors, comments: what YAML allows."""
    path = tmp_path / "metadata.yaml"
    path.write_text(
        "%YAML 1.1\n---\n# a comment\n'task': \"classify\"\ndescription: >-\n  over two\n  lines\n"
        "imgsz: &size [64,\n  48]\nargs: {imgsz: *size, 'half': false}\n"
        "'names':\n  '1': no\n  0: a long name that goes\n    on\n  ? 2\n  : \"caf\\xE9: # 1\"\n"
        "...\n"
    )
    found = read(path)
    assert found.labels == ("a long name that goes on", "no", "café: # 1")
    assert (found.height, found.width, found.resize_type) == (64, 48, "standard")
    path.write_bytes("task: classify\nimgsz: 32\nnames: [ä, ö]\n".encode("utf-16"))
    found = read(path)
    assert (found.labels, found.height, found.width) == (("ä", "ö"), 32, 32)


@pytest.mark.runs
@pytest.mark.parametrize(
    ("text", "error", "match"),
    [
        ("task: classify\n<html>\n<body>\n", ModelError, r"not valid YAML: line 3: could not find"),
        ("task: [1", ModelError, "not valid YAML: line 1"),
        ("a: 1\n---\nb: 2\n", ModelError, "line 2: but found another document"),
        ('task: "\\UFFFFFFFF"', ModelError, "not valid YAML"),
        ("task: classify\0", ModelError, "not valid YAML"),
        ("[" * 10_000, ModelError, "nested too deeply"),
        ("&a [*a]", ModelError, "recursive"),
        ("names: " + "x" * 1_000_000, ModelError, "over 1,000,000 bytes"),
        ("task: classify\nimgsz: large", ModelError, "imgsz is not a size: 'large'"),
        ("task: classify\nimgsz: {}", ModelError, "imgsz is not a size: a mapping"),
        ("task: pose", ModelError, "the model's task is 'pose', not classification"),
        ("author: Ultralytics\ntask: 3d", ModelError, "the model's task is '3d'"),
        ("task: classify\nnames: {zero: a}", LabelsError, "not a number"),
        ("task: classify\nnames: {0: {a: b}}", LabelsError, "one name for each class"),
        ("task: classify\nnames: tench", LabelsError, "expected a list"),
    ],
)
def test_yaml_that_makes_no_sense_is_one_sentence(
    tmp_path: Path, text: str, error: type[Exception], match: str
) -> None:
    path = tmp_path / "metadata.yaml"
    path.write_text(text)
    with pytest.raises(error, match=match) as caught:
        read(path)
    assert "\n" not in str(caught.value)


def test_yaml_runs_no_code(tmp_path: Path) -> None:
    path = tmp_path / "metadata.yaml"
    path.write_text(f"a: !!python/object/apply:pathlib.Path.touch [{tmp_path}/made]\n")
    assert read(path).silent
    assert [file.name for file in tmp_path.iterdir()] == ["metadata.yaml"]


@pytest.mark.parametrize("level", ["[{}]", "{{<<: [{}]}}"], ids=["aliases", "merges"])
@pytest.mark.parametrize("key", ["other", "task", "imgsz", "names"])
def test_yaml_fills_no_memory(tmp_path: Path, level: str, key: str) -> None:
    """Nine to the power of thirty, in two kilobytes."""
    path = tmp_path / "metadata.yaml"
    levels = [level.format(", ".join([f"*a{n}"] * 9)) for n in range(30)]
    lines = [f"a{n + 1}: &a{n + 1} {text}" for n, text in enumerate(levels)]
    path.write_text("\n".join(["a0: &a0 {x: y}", *lines, f"{key}: *a30"]))
    assert read(path).silent
    if key == "task":
        return
    path.write_text(path.read_text() + "\ntask: classify")
    if key == "imgsz":
        with pytest.raises(ModelError, match="imgsz is not a size: a"):
            read(path)
    if key == "names":
        with pytest.raises(LabelsError, match=str(path)):
            read(path)


# ---- whole exports

NAMES = {0: "red", 1: "green apple", 2: "blue"}
YAML = (
    "description: Ultralytics YOLO11n-cls model trained on /content/drive/MyDrive/Colab\n"
    "  Notebooks/flowers/data\nauthor: Ultralytics\nversion: 8.3.120\nstride: 1\n"
    "task: {task}\nbatch: 1\nimgsz:\n- 8\n- 8\nnames:\n  0: red\n  1: green apple\n  2: blue\n"
)
INFO = {
    "model_type": "YOLO",
    "reverse_input_channels": True,
    "pad_value": 114,
    "scale_values": [255.0],
    "iou_threshold": 0.7,
    "labels": [name.replace(" ", "_") for name in NAMES.values()],
}


def openvino_folder(folder: Path, task: str | None) -> Path:
    """As its exporter writes it; without `metadata.yaml` where there is no task."""
    folder.mkdir(parents=True)
    tiny.save(tiny.colour_model(softmax=True), folder / "best.xml", INFO)
    if task is not None:
        (folder / ultralytics.FILE).write_text(YAML.replace("{task}", task))
    return folder


def opened(model: Path) -> dict[str, Any]:
    classifier = Classifier.open(Job(model=str(model), cache=False), ONE)
    classifier.close()
    return classifier.description


def check(told: dict[str, Any], green: str = "green apple") -> None:
    pre = told["preprocess"]
    assert told["labels"]["names"] == ["red", green, "blue"]
    assert (pre["resize_type"], pre["resize_to"]) == ("shortest_edge", [8, 8])
    assert (pre["interpolation"], pre["reverse_input_channels"]) == ("pillow_bilinear", True)
    assert (pre["mean_values"], pre["scale_values"]) == ([], [255.0] * 3)


def test_an_openvino_folder_needs_no_options(tmp_path: Path) -> None:
    told = opened(openvino_folder(tmp_path / "best_openvino_model", "classify"))
    check(told)
    assert told["warnings"] == []
    assert told["origin"]["labels"] == told["origin"]["scale_values"] == "metadata.yaml"
    assert told["activation"] == "none"


def test_without_its_yaml_it_is_taken_for_a_classifier(tmp_path: Path) -> None:
    told = opened(openvino_folder(tmp_path / "lost", None))
    check(told, "green_apple")
    assert told["warnings"] == [ultralytics.NO_FILE]


@pytest.mark.parametrize("task", ["detect", "segment", "pose", "obb"])
def test_folders_of_other_tasks_are_refused(tmp_path: Path, task: str) -> None:
    with pytest.raises(ModelError, match=f"the model's task is '{task}', not classification"):
        opened(openvino_folder(tmp_path / task, task))


def properties(task: str = "classify") -> dict[str, str]:
    return {"task": task, "names": str(NAMES), "imgsz": "[8, 8]", "stride": "1", "batch": "1"}


def test_a_single_onnx_has_it_all_in_itself(tmp_path: Path) -> None:
    model = onnx_models.colours(tmp_path / "best.onnx", properties=properties())
    told = opened(model)
    check(told)
    assert told["warnings"] == []
    assert told["origin"]["labels"] == "the model's metadata_props"
    with pytest.raises(ModelError, match="the model's metadata_props: the model's task is 'pose'"):
        opened(onnx_models.colours(tmp_path / "pose.onnx", properties=properties("pose")))


@pytest.mark.parametrize("names", ["{0: 'red'", "__import__('os')", "(" * 1000, "[1, 2, 3]"])
def test_names_that_are_no_literal_are_one_sentence(tmp_path: Path, names: str) -> None:
    broken = properties() | {"names": names}
    with pytest.raises(LabelsError, match="the model's metadata_props") as caught:
        opened(onnx_models.colours(tmp_path / "best.onnx", properties=broken))
    assert "\n" not in str(caught.value)


def test_properties_of_other_exporters_say_nothing(tmp_path: Path) -> None:
    other = {"task": "image-classification", "names": "mine", "imgsz": "many"}
    told = opened(onnx_models.colours(tmp_path / "model.onnx", properties=other))
    assert told["labels"]["names"] == ["class 0", "class 1", "class 2"]


def test_a_tflite_has_it_in_its_archive(tmp_path: Path) -> None:
    model = tmp_path / "best.tflite"
    says = {"author": "Ultralytics", "task": "classify", "imgsz": [64, 64], "names": NAMES}
    model.write_bytes(b"\x1c\0\0\0TFL3")
    with zipfile.ZipFile(model, "a") as archive:
        archive.writestr("metadata.json", json.dumps(says))
    found = tflite.settings(model)
    assert found.labels == tuple(NAMES.values())
    assert (found.resize_type, found.scale_values) == ("shortest_edge", (255.0,))
    with zipfile.ZipFile(tmp_path / "pose.tflite", "w") as archive:
        archive.writestr("metadata.json", json.dumps(says | {"task": "pose"}))
    with pytest.raises(ModelError, match=r"metadata\.json in pose\.tflite: the model's task is"):
        tflite.settings(tmp_path / "pose.tflite")
