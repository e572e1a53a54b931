"""Models whose weights are stored in 8 or 4 bits are computed in float32, as is promised."""

from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import pytest
from numpy.typing import NDArray
from openvino import opset13 as ops

from batchcls.job.job import Job
from batchcls.job.threads import Threads
from batchcls.model.infer.classifier import Classifier
from tests.support import tiny_models as tiny

pytestmark = pytest.mark.runs

SIZE, CLASSES, GROUP = 16, 8, 64
INPUTS = 3 * SIZE * SIZE
ONE = Threads(nthreads=1, nstreams="1", nireq=1)
CHANCE = np.random.default_rng(4)
Floats = NDArray[np.float32]


def compressed(bits: int, zero: bool) -> tuple[Any, Floats]:
    """Weights as NNCF stores them, (classes, inputs): the graph, and what they are."""
    steps = CHANCE.integers(0, 1 << bits, (CLASSES, INPUTS // GROUP, GROUP), np.uint8)
    scale = CHANCE.uniform(1e-3, 2e-3, (CLASSES, INPUTS // GROUP, 1)).astype(np.float16)
    middle = np.full((CLASSES, INPUTS // GROUP, 1), 1 << bits - 1, np.uint8)
    kind = ov.Type.u8 if bits == 8 else ov.Type.u4
    wide: Any = ops.convert(ops.constant(steps, dtype=kind), "f16")
    values = steps.astype(np.float32)
    if zero:
        wide = ops.subtract(wide, ops.convert(ops.constant(middle, dtype=kind), "f16"))
        values = values - middle
    shape = np.array([CLASSES, INPUTS], np.int64)
    whole = ops.reshape(ops.multiply(wide, ops.constant(scale)), shape, special_zero=False)
    exact = values * scale.astype(np.float32)
    return ops.convert(whole, "f32"), exact.reshape(CLASSES, INPUTS)


def saved(path: Path, bits: int, zero: bool) -> tuple[Path, Floats]:
    image = ops.parameter([1, 3, SIZE, SIZE], ov.Type.f32)
    image.output(0).get_tensor().set_names({"image"})
    weights, exact = compressed(bits, zero)
    flat = ops.reshape(image, np.array([1, INPUTS], np.int64), special_zero=False)
    scores = ops.matmul(flat, weights, False, True)
    scores.output(0).get_tensor().set_names({"scores"})
    return tiny.save(ov.Model([scores], [image], "compressed"), path), exact


def off_by(path: Path, exact: Floats, **options: Any) -> float:
    """How far the scores are from plain arithmetic, at most, as a share of the largest."""
    pixels = np.random.default_rng(1).integers(0, 256, (SIZE, SIZE, 3), np.uint8)
    classifier = Classifier.open(Job(model=str(path), **options), ONE)
    (found,) = tiny.raw_scores(classifier, [pixels])
    classifier.close()
    right = pixels.transpose(2, 0, 1).reshape(-1).astype(np.float64) @ exact.T
    return float(np.abs(found - right).max() / np.abs(right).max())


@pytest.mark.runs
@pytest.mark.parametrize("device", ["CPU", "HETERO:CPU", "AUTO:CPU", "MULTI:CPU", "BATCH:CPU"])
@pytest.mark.parametrize(("bits", "zero"), [(8, True), (8, False), (4, True), (4, False)])
def test_what_compressed_weights_are_multiplied_with_is_not_rounded(
    tmp_path: Path, bits: int, zero: bool, device: str
) -> None:
    path, exact = saved(tmp_path / "m.xml", bits, zero)
    assert off_by(path, exact, device=(device,), cache=False) < 1e-5


@pytest.mark.parametrize("device", ["CPU", "HETERO:CPU"])
def test_a_compiled_model_from_the_cache_computes_alike(tmp_path: Path, device: str) -> None:
    path, exact = saved(tmp_path / "m.xml", 8, zero=True)
    for _ in "compiled", "from the cache":
        options = {"device": (device,), "cache_dir": str(tmp_path / "cache")}
        assert off_by(path, exact, **options) < 1e-5


def test_a_users_own_configuration_decides(tmp_path: Path) -> None:
    path, exact = saved(tmp_path / "m.xml", 8, zero=True)
    config = tmp_path / "c.json"
    config.write_text('{"CPU": {"DYNAMIC_QUANTIZATION_GROUP_SIZE": "32"}}')
    options = {"load_config": str(config), "cache_dir": str(tmp_path / "cache")}
    assert off_by(path, exact, cache_dir=str(tmp_path / "cache")) < 1e-5
    assert off_by(path, exact, **options) > 1e-4
    assert off_by(path, exact, cache_dir=str(tmp_path / "cache")) < 1e-5
