"""TensorFlow's, Paddle's and ONNX's ways to save a model: no options, and the framework's answer.

The archives are written by jobs/formats/make_formats.py with the frameworks themselves.
"""

import json
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from batchcls.decode.decode import decode
from batchcls.errors import ModelError
from batchcls.job.job import Job
from batchcls.job.threads import Threads
from batchcls.model.files import onnx
from batchcls.model.files.find import model_file, model_files, model_hash
from batchcls.model.infer.classifier import Classifier

HERE = Path(__file__).parent
FRAMEWORKS = ("tensorflow", "paddle", "onnx")
CASES = [
    (framework, case)
    for framework in FRAMEWORKS
    for case in json.loads(zipfile.ZipFile(HERE / f"{framework}.zip").read("cases.json"))
]
every_case = pytest.mark.parametrize(
    ("framework", "case"),
    CASES,
    ids=[f"{name}: {case['model']} {' '.join(case['options'].values())}" for name, case in CASES],
)


def unpacked(framework: str, into: Path) -> Path:
    with zipfile.ZipFile(HERE / f"{framework}.zip") as archive:
        archive.extractall(into)
    return into


def answers(job: Job, pictures: list[Path], batch_size: int) -> list[NDArray[np.float32]]:
    threads = Threads(nthreads=1, nstreams="1", nireq=1, batch_size=batch_size)
    classifier = Classifier.open(job, threads)
    pixels = [classifier.prepare(decode(picture.read_bytes())) for picture in pictures]
    ring = classifier.rings[0]
    ring.start(list(range(len(pixels))), pixels)
    finished = ring.wait(30.0)
    assert finished is not None
    found = [classifier.probabilities(row) for row in finished.scores]
    classifier.close()
    return found


@pytest.mark.runs
@every_case
@pytest.mark.parametrize("batch_size", [1, 2])
def test_its_framework_says_the_same(
    framework: str, case: dict[str, Any], batch_size: int, tmp_path: Path
) -> None:
    root = unpacked(framework, tmp_path)
    pictures = [root / f"{case['picture']}.png"] * batch_size
    plain = {} if framework == "tensorflow" else {"preprocess": "none"}
    job = Job(model=str(root / case["model"]), **{**plain, **case["options"]})
    for found in answers(job, pictures, batch_size):
        np.testing.assert_allclose(found, case["scores"], rtol=0, atol=case["within"])


@every_case
def test_its_hash_covers_its_files_and_no_others(
    framework: str, case: dict[str, Any], tmp_path: Path
) -> None:
    root = unpacked(framework, tmp_path)
    path = root / case["model"]
    assert [root / name for name in case["files"]] == sorted(model_files(model_file(path)))
    before = model_hash(path)
    assert before == model_hash(model_file(path))
    for name in case["files"]:
        whole = (root / name).read_bytes()
        changed = bytearray(whole)
        changed[len(whole) // 2] ^= 1
        (root / name).write_bytes(changed)
        assert model_hash(path) != before, name
        (root / name).write_bytes(whole)
    (model_file(path).parent / "results.jsonl").write_text("{}\n")
    assert model_hash(path) == before


def test_labels_inside_a_tflite_file_are_read(tmp_path: Path) -> None:
    case = next(case for _, case in CASES if case["labels"])
    model = unpacked("tensorflow", tmp_path) / case["model"]
    classifier = Classifier.open(Job(model=str(model)), Threads(nthreads=1, nstreams="1", nireq=1))
    told = classifier.description
    assert (told["labels"]["names"], told["labels"]["count"]) == (case["labels"], 5)
    assert told["origin"]["mean_values"] == told["origin"]["labels"] == "TFLite metadata"
    assert told["warnings"] == []
    classifier.close()


def varint(value: int) -> bytes:
    low = bytes([value & 127])
    return low if value < 128 else bytes([low[0] | 128]) + varint(value >> 7)


def field(number: int, data: bytes) -> bytes:
    """One of Protocol Buffers that has a length."""
    return bytes([number << 3 | 2]) + varint(len(data)) + data


def test_a_label_file_that_the_metadata_name_counts(tmp_path: Path) -> None:
    from tests.support import tiny_models as tiny

    model, labels = tmp_path / "m.onnx", tmp_path / "names.txt"
    model.write_bytes(field(14, field(1, onnx.LABELS_KEY) + field(2, b"names.txt")))
    ir = tiny.save(tiny.colour_model(), tmp_path / "m.xml", {"path_to_labels": "names.txt"})
    labels.write_text("a\nb\nc\n")
    before = [model_hash(path) for path in (model, ir)]
    labels.write_text("a\nb\nd\n")
    after = [model_hash(path) for path in (model, ir)]
    assert before[0] != after[0]
    assert before[1] != after[1]


@given(st.binary(max_size=60))
def test_any_bytes_are_read_as_onnx(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "m.onnx")
        path.write_bytes(data)
        onnx.needed(path)


def test_a_graph_within_a_graph_without_end_names_nothing(tmp_path: Path) -> None:
    inner = b""
    for _ in range(1500):
        for number in (6, 5, 1):  # an attribute's graph, a node's attribute, a graph's node
            inner = field(number, inner)
    path = tmp_path / "m.onnx"
    path.write_bytes(field(7, inner))
    assert onnx.needed(path) == []


def test_files_beside_a_model_count(tmp_path: Path) -> None:
    root = unpacked("tensorflow", tmp_path)
    before = model_hash(root / "keras")
    (root / "keras/config.json").write_text("{}")
    assert model_hash(root / "keras") != before


def test_a_truth_value_among_the_inputs_is_set_to_false(tmp_path: Path) -> None:
    model = unpacked("tensorflow", tmp_path) / "module"
    classifier = Classifier.open(Job(model=str(model)), Threads(nthreads=1, nstreams="1", nireq=1))
    told = classifier.description
    assert "the model's input training is set to false" in told["warnings"]
    assert [port["name"] for port in told["model"]["inputs"]] == ["image"]
    assert told["origin"]["height"] == "the usual size, since the model leaves it open"
    assert any("brought to 224x224" in warning for warning in told["warnings"])
    classifier.close()


@pytest.mark.parametrize(
    ("framework", "model", "how"),
    [
        ("tensorflow", "module", "stretched, RGB, not normalised"),
        ("paddle", "static", "shortest edge and centre crop, RGB, not normalised"),
    ],
)
def test_what_no_format_says_is_a_warned_guess(
    framework: str, model: str, how: str, tmp_path: Path
) -> None:
    path = unpacked(framework, tmp_path) / model
    classifier = Classifier.open(Job(model=str(path)), Threads(nthreads=1, nstreams="1", nireq=1))
    told = classifier.description
    assert told["preprocess"]["reverse_input_channels"]
    assert any(how in warning and "guess" in warning for warning in told["warnings"])
    classifier.close()


@pytest.mark.parametrize("name", ["newer", "newer/inference.json"])
def test_paddles_newer_form_is_refused_with_a_way_out(name: str, tmp_path: Path) -> None:
    path = unpacked("paddle", tmp_path) / name
    with pytest.raises(ModelError, match=r"does not read \.json.*FLAGS_enable_pir_api=0"):
        model_file(path)


@pytest.mark.parametrize("suffix", [".keras", ".h5", ".pt", ".pth", ".safetensors"])
def test_formats_that_openvino_does_not_read_are_named(suffix: str, tmp_path: Path) -> None:
    file = tmp_path / f"model{suffix}"
    file.write_bytes(b"")
    for path in (file, tmp_path):
        with pytest.raises(ModelError, match=rf"{suffix} files; .*export"):
            model_file(path)


@pytest.mark.runs
def test_a_run_needs_no_options(tmp_path: Path) -> None:
    root = unpacked("tensorflow", tmp_path)
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    (root / "small.png").rename(pictures / "small.png")
    words = ["run", "pictures", "-m", "keras", "-o", "r.jsonl", "--top", "5", "--progress", "none"]
    done = subprocess.run(
        [sys.executable, "-m", "batchcls", *words, "-w", "1"],
        cwd=tmp_path,
        env=os.environ,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    record = json.loads((tmp_path / "r.jsonl").read_text())
    wanted = next(case["scores"] for name, case in CASES if case["model"] == "keras")
    assert {top["index"]: top["score"] for top in record["top"]} == pytest.approx(
        dict(enumerate(wanted)), abs=1e-5
    )
