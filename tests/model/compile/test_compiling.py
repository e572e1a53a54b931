"""Starts from kept models: the same answers, and never those of another model or job."""

import os
import shutil
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import openvino
import pytest

from batchcls.errors import ModelError
from batchcls.job.job import Job
from batchcls.job.threads import Threads
from batchcls.model.compile import cache_key, load
from batchcls.model.compile.compilation import Compilation
from batchcls.model.compile.compiled_files import SUFFIX, CompiledFiles
from batchcls.model.devices import core
from batchcls.model.infer.classifier import Classifier
from tests.support import tiny_models as tiny

pytestmark = pytest.mark.runs

ONE = Threads(nthreads=1, nstreams="1", nireq=2)
HETERO = {"device": ("HETERO:VCPU,CPU",), "plugin": (tiny.VCPU,)}
IMAGE = np.random.default_rng(3).integers(0, 256, (30, 20, 3), np.uint8)


@pytest.fixture
def job(tmp_path: Path) -> Job:
    info = {"labels": "r g b", "resize_type": "crop", "mean_values": "1 2 3.3", "pad_value": "7"}
    path = tiny.save(tiny.colour_model(), tmp_path / "m.xml", info)
    return Job(model=str(path), cache_dir=str(tmp_path / "cache"))


def files(job: Job) -> list[Path]:
    folder = Path(str(job.cache_dir))
    return sorted(folder.iterdir()) if folder.exists() else []


def opened(job: Job, threads: Threads = ONE) -> tuple[dict[str, Any], bytes]:
    """All that a start comes to: the description, and an image's raw scores."""
    classifier = Classifier.open(job, threads)
    scores = [tiny.raw_scores(classifier, [IMAGE], ring) for ring in range(len(classifier.rings))]
    classifier.close()
    return classifier.description, b"".join(one.tobytes() for one in scores)


@pytest.fixture
def compilations(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Grows with every model that is read."""
    read: list[str] = []
    real = load.load

    def loaded(job: Job, core: Any, guess: str) -> Any:
        read.append(str(job.model))
        return real(job, core, guess)

    monkeypatch.setattr(load, "load", loaded)
    return read


@pytest.mark.runs
@pytest.mark.parametrize(
    "options",
    [{}, {"device": ("CPU", "CPU")}, HETERO, {"perf_counts": True}, {"infer_precision": "f32"}],
)
def test_a_kept_model_is_described_and_answers_as_a_fresh_one(
    job: Job, compilations: list[str], options: dict[str, Any]
) -> None:
    job = replace(job, **options)
    never = opened(replace(job, cache=False))
    first, second = opened(job), opened(job)
    assert never == first == second
    assert len(compilations) == 2
    assert len(files(job)) == 1


def test_all_layouts_share_one_file_and_take_their_own_threads(
    job: Job, compilations: list[str]
) -> None:
    opened(job)
    two = Threads(nthreads=2, nstreams="2", pin=False, nireq=0)
    description, _ = opened(job, two)
    assert description["devices"][0]["nireq"] == 2
    assert len(compilations) == 1


def test_counters_come_from_a_kept_model_too(job: Job) -> None:
    for _ in range(2):
        classifier = Classifier.open(replace(job, perf_counts=True), ONE)
        tiny.raw_scores(classifier, [IMAGE])
        assert classifier.perf_counts()
        classifier.close()


def test_nothing_is_kept_where_that_is_switched_off(job: Job) -> None:
    opened(replace(job, cache=False))
    assert files(job) == []


def test_by_default_it_is_the_users_cache_folder(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    opened(replace(job, cache_dir=None))
    (kept,) = (tmp_path / "xdg/batchcls/compiled").iterdir()
    assert kept.suffix == SUFFIX
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    opened(replace(job, cache_dir=None))
    (cached,) = (tmp_path / "home/.cache/batchcls/compiled").iterdir()
    assert cached.name == kept.name


CORE = openvino.Core()

OTHER: dict[str, Any] = {
    "activation": "sigmoid",
    "score_output": "1",
    "features": "mean",
    "mean_values": "[9,9,9]",
    "scale_values": "[2,2,2]",
    "reverse_input_channels": True,
    "resize_type": "standard",
    "interpolation": "nearest",
    "layout": "NCHW",
    "preprocess": "torchvision",
    "perf_counts": True,
    "plugin": (tiny.VCPU,),
    "extension": ("x.so",),
    "plugins": "plugins.xml",
    "int8": "fast",
    "input_size": "12x16",
    "crop_fraction": 0.5,
    "multilabel": True,
    "threshold": 0.3,
    "pad_value": "255",
}


def key(job: Job, batch_size: int = 1, **properties: Any) -> str:
    return cache_key.key(Compilation(job, CORE, [], {"CPU": properties}, batch_size))


def test_every_field_of_a_job_is_in_the_key_or_named_as_left_out(job: Job) -> None:
    known = {*OTHER, *cache_key.NEUTRAL, *cache_key.ELSEWHERE}
    assert sorted(known) == sorted(field.name for field in fields(Job))


@pytest.mark.parametrize("field", OTHER)
def test_another_job_has_another_key(job: Job, field: str) -> None:
    assert key(replace(job, **{field: OTHER[field]})) != key(job)


def test_what_is_outside_the_job_is_in_the_key(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "names").write_text("a\nb\nc\n")
    named = replace(job, labels=str(tmp_path / "names"))
    found = [key(job), key(job, 2), key(job, INFERENCE_PRECISION_HINT="bf16"), key(named)]
    (tmp_path / "names").write_text("a\nb\nd\n")
    found.append(key(named))
    (tmp_path / "config.json").write_text("{}")  # beside the model
    found.append(key(job))
    model = Path(str(job.model)).with_suffix(".bin")
    model.write_bytes(model.read_bytes() + b"\0")
    found.append(key(job))
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    found.append(key(job))
    here, work = cache_key.this_compiler(), Compilation(job, CORE, [], {"CPU": {}}, 1)
    assert cache_key.key(work, here) == found[-1]
    found += [cache_key.key(work, {**here, part: "another"}) for part in here]
    assert len(set(found)) == len(found)
    assert key(job, NUM_STREAMS="1") == key(job, NUM_STREAMS="2") == key(job)


def test_a_changed_model_is_compiled_anew(job: Job, compilations: list[str]) -> None:
    before = opened(job)
    tiny.save(tiny.colour_model(softmax=True), Path(str(job.model)), {"labels": "x y z"})
    after = opened(job)
    assert after != before
    assert after == opened(replace(job, cache=False))
    assert len(compilations) == 3


def test_labels_that_the_model_only_points_to_are_read_every_time(
    tmp_path: Path, compilations: list[str]
) -> None:
    path = tiny.save(tiny.colour_model(), tmp_path / "m.xml", {"path_to_labels": "names.txt"})
    job = Job(model=str(path), cache_dir=str(tmp_path / "cache"))
    for words in (["a", "b", "c"], ["d", "e", "f"]):
        (tmp_path / "names.txt").write_text("\n".join(words))
        assert opened(job)[0]["labels"]["names"] == words
    assert files(job) == []


def test_a_model_that_changes_while_it_is_compiled_is_not_kept(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = load.load

    def loaded(job: Job, core: Any, guess: str) -> Any:
        tiny.save(tiny.colour_model(softmax=True), Path(str(job.model)))
        return real(job, core, guess)

    monkeypatch.setattr(load, "load", loaded)
    with pytest.raises(ModelError, match="changed while it was read"):
        opened(job)
    assert files(job) == []


@pytest.mark.runs
@pytest.mark.parametrize("damage", ["cut", "flip", "other blob", "other facts"])
def test_a_damaged_file_costs_a_compilation_and_no_answer(
    job: Job, compilations: list[str], damage: str
) -> None:
    first = opened(job)
    (path,) = files(job)
    whole = path.read_bytes()
    folder = CompiledFiles(path.parent)
    kept = folder.find(path.stem)
    assert kept is not None
    if damage == "cut":
        path.write_bytes(whole[: len(whole) // 2])
    elif damage == "flip":
        at = whole.rindex(b"<") if b"<" in whole else len(whole) - 9
        path.write_bytes(whole[:at] + b"\xff" + whole[at + 1 :])
    else:
        # Whole by its checksums, and yet nothing that OpenVINO or this version understands.
        blobs = [memoryview(b"no model")] if damage == "other blob" else list(kept.blobs)
        facts = {} if damage == "other facts" else kept.facts
        path.unlink()
        lock = folder.lock(path.stem)
        assert lock is not None
        folder.store(lock, path.stem, facts, blobs)
        lock.close()
    assert opened(job) == first
    assert opened(job) == first
    assert len(compilations) <= 3


@pytest.mark.parametrize("trouble", ["others may write to it", "Not a directory"])
def test_a_folder_that_cannot_be_used_is_told_and_stops_nothing(
    job: Job, tmp_path: Path, trouble: str
) -> None:
    folder = tmp_path / "wrong"
    if trouble == "Not a directory":
        folder.touch()
        folder = folder / "below"
    else:
        folder.mkdir()
        folder.chmod(0o777)
    description, scores = opened(replace(job, cache_dir=str(folder)))
    assert scores == opened(job)[1]
    (warning,) = (w for w in description["warnings"] if "--cache-dir" in w)
    assert str(folder) in warning
    assert trouble in warning


def test_a_users_folder_that_cannot_be_used_is_no_news(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/nowhere")
    assert opened(replace(job, cache_dir=None)) == opened(replace(job, cache=False))


def test_what_cannot_be_exported_is_compiled_every_time(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compilations: list[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    auto = replace(job, device=("AUTO:CPU",), cache_dir=None)
    assert opened(auto) == opened(auto)
    assert list((tmp_path / "xdg").rglob("*.*")) == []


CHILD = """
import json, sys
from batchcls.job.job import Job
from batchcls.model.compile import load
from batchcls.model.infer.classifier import Classifier
from batchcls.job.threads import Threads
real, read = load.load, []
load.load = lambda *a: read.append(1) or real(*a)
sys.stdin.readline()
one = Classifier.open(Job(model=sys.argv[1], cache_dir=sys.argv[2]), Threads(1, "1", nireq=1))
one.close()
print(len(read))
"""


@pytest.mark.runs
def test_of_several_processes_one_compiles(job: Job) -> None:
    words = [sys.executable, "-c", CHILD, str(job.model), str(job.cache_dir)]
    children = [
        subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    told = [child.communicate("go\n", timeout=60)[0] for child in children]
    assert sorted(told) == ["0\n", "0\n", "1\n"]
    (kept,) = files(job)
    assert kept.suffix == SUFFIX


def test_a_job_for_the_cpu_asks_for_no_other_device(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(_: Any) -> list[str]:
        raise AssertionError("drivers of accelerators are loaded")

    monkeypatch.setattr(core, "available", asked)
    opened(job)
    with pytest.raises(AssertionError, match="drivers"):
        opened(replace(job, device=("HETERO:GPU,CPU",)))


REAL = ["mobilenet_v2_1.0_224_quant.tflite", "tf2_mobilenet_v2_1.0_224_ptq.tflite"]
SCORES = """
import hashlib, sys
import cv2
from batchcls.job.job import Job
from batchcls.model.infer.classifier import Classifier
from batchcls.job.threads import Threads
model, folder, photos, *more = sys.argv[1:]
hetero = {"device": ("HETERO:VCPU,CPU",), "plugin": tuple(more)} if more else {}
job = Job(model=model, cache_dir=folder or None, cache=bool(folder), **hetero)
classifier = Classifier.open(job, Threads(1, "1", nireq=1))
digest = hashlib.sha256(repr(classifier.description["fingerprint"]).encode())
ring = classifier.rings[0]
for path in sorted(__import__("pathlib").Path(photos).iterdir())[::30]:
    ring.start([0], [classifier.prepare(cv2.imread(str(path)))])
    digest.update(ring.wait(20).scores.tobytes())
classifier.close()
print(classifier.description["int8"], digest.hexdigest())
"""


@pytest.mark.real
@pytest.mark.runs
@pytest.mark.parametrize("isa", ["", "AVX2"])
@pytest.mark.parametrize("model", REAL)
@pytest.mark.parametrize("plugin", [(), (tiny.VCPU,)], ids=["CPU", "HETERO"])
def test_real_models_answer_the_same_from_the_cache(
    real_data: Path, tmp_path: Path, model: str, isa: str, plugin: tuple[str, ...]
) -> None:
    """AVX2 without VNNI is where quantised layers are computed in floating point."""
    environment = {**os.environ, **({"ONEDNN_MAX_CPU_ISA": isa} if isa else {})}
    path = shutil.copy(real_data / "models" / model, tmp_path)
    told = [
        subprocess.run(
            [sys.executable, "-c", SCORES, path, folder, str(real_data / "photos"), *plugin],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for folder in ("", str(tmp_path / "cache"), str(tmp_path / "cache"))
    ]
    assert told[0]
    assert told[0] == told[1] == told[2]
    assert len(list((tmp_path / "cache").iterdir())) == 1
