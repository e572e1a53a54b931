"""Models of the Hugging Face hub: references, the choice of files, and fetching from a server.

The server is on this machine and answers as the hub does; nothing else is asked.
"""

import importlib.util
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from batchcls.backends.localised import localised
from batchcls.errors import ModelError
from batchcls.job.job import Job
from batchcls.model.files import hub
from batchcls.model.files.find import model_path
from batchcls.model.files.hub import Reference
from batchcls.version import HUB
from tests.support import tiny_models as tiny
from tests.support.hub_server import COMMIT, OTHER, Hub, batchcls, environment, fetching, hub_server


@pytest.mark.parametrize(
    ("model", "reference"),
    [
        ("hf://org/name", Reference("org/name")),
        ("hf://org/na.me-1_x@v1.0", Reference("org/na.me-1_x", "v1.0")),
        ("hf://org/name@refs/pr/1", Reference("org/name", "refs/pr/1")),
    ],
)
def test_references(model: str, reference: Reference) -> None:
    assert hub.is_reference(model)
    assert hub.parse(model) == reference


@pytest.mark.parametrize(
    "model",
    ["hf://", "hf://name", "hf://a/b/c", "hf://a/b@", "hf://a/b c", "hf:///b", "hf://a/b\n"],
)
def test_what_is_no_reference(model: str) -> None:
    with pytest.raises(ModelError, match="expected hf://ORG/NAME"):
        hub.parse(model)


def test_a_path_is_no_reference() -> None:
    assert not hub.is_reference("models/hf")
    job = Job(model="models/hf")
    assert localised(job) is job


def test_workers_and_measurements_never_fetch() -> None:
    with pytest.raises(ModelError, match=r"export-model hf://org/name model\.xml"):
        model_path("hf://org/name")


@pytest.mark.parametrize(
    ("files", "chosen"),
    [
        (
            ["a.xml", "a.bin", "openvino_model.xml", "openvino_model.bin", "model.onnx"],
            ["openvino_model.xml", "openvino_model.bin"],
        ),
        (["config.json", "net.xml", "net.bin"], ["net.xml", "net.bin", "config.json"]),
        (["net.xml", "model.onnx"], ["model.onnx"]),  # no weights
        (["a.xml", "a.bin", "b.xml", "b.bin"], []),  # which one?
        (
            ["openvino/openvino_model.xml", "openvino/openvino_model.bin"],
            ["openvino/openvino_model.xml", "openvino/openvino_model.bin"],
        ),
        (
            ["onnx/model.onnx", "onnx/model_fp16.onnx", "onnx/model.onnx_data", "metadata.yaml"],
            ["onnx/model.onnx", "onnx/model.onnx_data", "metadata.yaml"],
        ),
        (["mobilenet.tflite", "config.json"], ["mobilenet.tflite", "config.json"]),
        (["mobilenet.tflite", "mobilenet_int8.tflite"], []),  # which one?
        (["onnx/config.json", "deep/er/model.onnx", "model.safetensors"], []),
    ],
)
def test_the_choice_of_files(files: list[str], chosen: list[str]) -> None:
    assert hub.choose(files) == chosen


@pytest.mark.skipif(
    importlib.util.find_spec("huggingface_hub") is not None, reason="huggingface_hub is here"
)
def test_without_the_library_it_is_named() -> None:
    from batchcls.errors import SetupError

    with pytest.raises(SetupError, match=f"pip install '{HUB}'"):
        hub.fetch("hf://org/name")


# ---- with huggingface_hub


@pytest.fixture
def server() -> Iterator[Hub]:
    with hub_server() as found:
        yield found


@pytest.fixture
def serving(server: Hub, tmp_path: Path) -> Hub:
    """A server with one model: what optimum writes, and much that nobody here wants."""
    folder = tmp_path / "original"
    folder.mkdir()
    tiny.save(tiny.colour_model(), folder / "openvino_model.xml")
    names = {"id2label": {"0": "red", "1": "green", "2": "blue"}}
    (folder / "config.json").write_text(json.dumps(names))
    resize = {"do_resize": True, "size": {"height": 8, "width": 8}, "resample": 2}
    (folder / "preprocessor_config.json").write_text(json.dumps(resize))
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    server.repositories["org/colours", COMMIT] = {**files, "pytorch_model.bin": b"unwanted"}
    tops = {name: data for name, data in files.items() if name.endswith(".json")}
    below = {f"openvino/{n}": data for n, data in files.items() if not n.endswith(".json")}
    server.repositories["org/colours", OTHER] = {**tops, **below}
    server.repositories["org/weights", COMMIT] = {"model.safetensors": b""}
    return server


def inspected(model: str, env: dict[str, str], cwd: Path) -> dict[str, Any]:
    done = batchcls("inspect", model, "--json", env=env, cwd=cwd)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def refused(model: str, env: dict[str, str], cwd: Path) -> str:
    done = batchcls("inspect", model, env=env, cwd=cwd)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr
    (error,) = (line for line in done.stderr.splitlines() if line.startswith("batchcls: error:"))
    return error


@fetching
@pytest.mark.parametrize("name", ["HF_HOME", "HF_HUB_CACHE"])
def test_without_a_home_directory(tmp_path: Path, name: str) -> None:
    """Of a user who is unknown, as a number without an entry is in a container."""
    env = environment(None, tmp_path, **{name: "~nobody-is-called-so/hf"})
    assert refused("hf://org/colours", env, tmp_path).endswith(
        "no home directory to cache it in; set HOME, or HF_HOME and XDG_CACHE_HOME"
    )


@fetching
def test_a_model_is_fetched_once_with_what_is_known_about_it(serving: Hub, tmp_path: Path) -> None:
    env = environment(serving, tmp_path)
    found = inspected("hf://org/colours", env, tmp_path)
    assert found["labels"] == ["red", "green", "blue"]
    assert found["origin"]["resize_type"] == "preprocessor_config.json"
    folder = tmp_path / "cache/batchcls/hub/org" / f"colours@{COMMIT}"
    assert found["model"] == str(folder / "openvino_model.xml")
    assert sorted(path.name for path in folder.iterdir()) == [
        "config.json",
        "openvino_model.bin",
        "openvino_model.xml",
        "preprocessor_config.json",
    ]
    assert not [path for path in serving.asked if "pytorch_model" in path]
    before = sum(line.startswith("GET /org") for line in serving.asked)
    assert inspected("hf://org/colours", env, tmp_path) == found
    assert sum(line.startswith("GET /org") for line in serving.asked) == before


@fetching
def test_a_revision_and_a_model_in_a_folder(serving: Hub, tmp_path: Path) -> None:
    found = inspected("hf://org/colours@v2", environment(serving, tmp_path), tmp_path)
    assert f"colours@{OTHER}/openvino_model.xml" in found["model"]
    assert found["labels"] == ["red", "green", "blue"]


@fetching
@pytest.mark.parametrize("offline", ["HF_HUB_OFFLINE", "unreachable"])
def test_without_the_hub_the_cache_serves(serving: Hub, tmp_path: Path, offline: str) -> None:
    found = inspected("hf://org/colours", environment(serving, tmp_path), tmp_path)
    asked = len(serving.asked)
    more = {"HF_HUB_OFFLINE": "1"} if offline == "HF_HUB_OFFLINE" else {}
    env = environment(serving if more else None, tmp_path, **more)
    assert inspected("hf://org/colours", env, tmp_path) == found
    assert len(serving.asked) == asked
    told = refused("hf://org/other", env, tmp_path)
    assert "hf://org/other: not in the cache (" in told
    assert ("HF_HUB_OFFLINE is set" in told) == bool(more)


@fetching
@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("hf://org/nothing", "no such model on http://127.0.0.1:"),
        ("hf://org/colours@nothing", "the model has no such branch, tag or commit"),
        ("hf://org/weights", "no model that OpenVINO reads among 1 file; looked"),
        ("hf://colours", "expected hf://ORG/NAME"),
    ],
)
def test_what_is_wrong_is_said(serving: Hub, tmp_path: Path, model: str, message: str) -> None:
    told = refused(model, environment(serving, tmp_path), tmp_path)
    assert told.startswith(f"batchcls: error: {model}: {message}")


@fetching
def test_a_run_asks_the_hub_in_one_process_only(serving: Hub, tmp_path: Path) -> None:
    drawn = batchcls(
        "demo", "d", "--images", "6", "--progress", "none", env=dict(os.environ), cwd=tmp_path
    )
    assert drawn.returncode == 0, drawn.stderr
    words = ["run", "d/images", "-m", "hf://org/colours", "-w", "2", "--progress", "none"]
    done = batchcls(*words, env=environment(serving, tmp_path), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    asked = [line for line in serving.asked if line.startswith("GET /api/models/org/colours")]
    assert len([line for line in asked if "/tree/" not in line]) <= 3
    manifest = (tmp_path / "results.jsonl.job/manifest.json").read_text()
    assert f"colours@{COMMIT}" in manifest
    lines = (tmp_path / "results.jsonl").read_bytes()
    # The same command again has nothing to do, and the model by its path is the same model.
    again = batchcls(*words, env=environment(serving, tmp_path), cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert (tmp_path / "results.jsonl").read_bytes() == lines
