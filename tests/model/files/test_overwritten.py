"""A model whose files are overwritten goes on answering as it was read, and workers can tell."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as ops

from batchcls.job.job import Job
from batchcls.job.threads import Threads
from batchcls.model.files.find import model_state
from batchcls.model.infer.classifier import Classifier
from tests.support import tiny_models as tiny

pytestmark = pytest.mark.runs

SIZE, CLASSES = 32, 64
ONE = Threads(nthreads=1, nstreams="1", nireq=2)
CHANCE = np.random.default_rng(6)
WEIGHTS = CHANCE.standard_normal((CLASSES, 3 * SIZE * SIZE)).astype(np.float32)


def save(path: Path, kind: str) -> Path:
    """A matrix of 786 kB, in floats or in bytes with a scale."""
    image = ops.parameter([1, 3, SIZE, SIZE], ov.Type.f32)
    image.output(0).get_tensor().set_names({"image"})
    flat = ops.reshape(image, np.array([1, -1], np.int64), special_zero=False)
    weights: Any = ops.constant(WEIGHTS)
    if kind == "u8":
        steps = (WEIGHTS * 20 + 128).clip(0, 255).astype(np.uint8)
        weights = ops.multiply(
            ops.subtract(ops.convert(ops.constant(steps), "f32"), np.float32(128)),
            np.float32(1 / 20),
        )
    scores = ops.matmul(flat, weights, False, True)
    scores.output(0).get_tensor().set_names({"scores"})
    return tiny.save(ov.Model([scores], [image], "matrix"), path)


def noise(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(os.urandom(path.stat().st_size))


@pytest.mark.runs
@pytest.mark.parametrize("device", ["CPU", "HETERO:CPU", "AUTO:CPU"])
@pytest.mark.parametrize("kind", ["f32", "u8"])
@pytest.mark.parametrize("cache", [False, True])
def test_answers_stay_when_the_weights_are_overwritten(
    tmp_path: Path, kind: str, cache: bool, device: str
) -> None:
    path = save(tmp_path / "m.xml", kind)
    job = Job(model=str(path), device=(device,), cache=cache, cache_dir=str(tmp_path / "cache"))
    picture = CHANCE.integers(0, 256, (SIZE, SIZE, 3), np.uint8)
    classifier = Classifier.open(job, ONE)
    before = tiny.raw_scores(classifier, [picture])
    noise(path.with_suffix(".bin"))
    for _ in range(4):  # each request has buffers of its own
        np.testing.assert_array_equal(tiny.raw_scores(classifier, [picture]), before)
    classifier.close()


CHANGES: dict[str, Callable[[Path], object]] = {
    "in place": noise,
    "another length": lambda path: path.write_bytes(path.read_bytes() + b"\0"),
    "replaced": lambda path: os.replace(_copy(path), path),
    "touched": lambda path: os.utime(path, (1, 1)),
}


def _copy(path: Path) -> Path:
    other = path.with_name("other.bin")
    other.write_bytes(path.read_bytes())
    return other


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("suffix", [".xml", ".bin"])
def test_each_change_of_a_file_shows(tmp_path: Path, suffix: str, change: str) -> None:
    path = save(tmp_path / "m.xml", "f32")
    described = Classifier.open(Job(model=str(path), cache=False), ONE).description
    assert described["model"]["files"] == model_state(path)
    CHANGES[change](path.with_suffix(suffix))
    assert described["model"]["files"] != model_state(path)
