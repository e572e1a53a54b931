"""Quantised layers: computed as they are written by default, on every machine; fast where asked."""

import hashlib
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import pytest
from numpy.typing import NDArray
from openvino import opset13 as ops

from batchcls.job.job import Job
from batchcls.model.compile.compiled_files import SUFFIX
from batchcls.model.devices.threads import Threads
from batchcls.model.graph import int8
from batchcls.model.infer.classifier import Classifier
from batchcls.model.probe import probe
from tests.support import tiny_models as tiny

ONE = Threads(nthreads=1, nstreams="1", nireq=1)
SIZE, CHANNELS = 8, 64
STEP = 255.0 / 4
"""Of the second layer's input: coarse, so that what is rounded elsewhere shows."""

Floats = NDArray[np.float32]


def weights_up_to(largest: int) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    """Of the two layers, (out, in) each; the first one's are all `largest`, in pairs of columns."""
    chance = np.random.default_rng(5)
    first = np.full((CHANNELS, 3), largest, np.int8)
    first[1::2] = chance.integers(-largest, largest + 1, first[1::2].shape)
    second = chance.integers(-largest, largest + 1, (3, CHANNELS)).astype(np.int8)
    second[:, :16] = largest
    return first, second


def quantised_net(largest: int) -> ov.Model:
    """Two 1x1 convolutions with int8 weights up to `largest`, their inputs quantised to 8 bits."""
    image = ops.parameter([1, 3, SIZE, SIZE], ov.Type.f32)
    image.output(0).get_tensor().set_names({"image"})
    node: Any = image
    limits = (255.0, 256 * STEP - STEP)
    for kernel, high, scale in zip(weights_up_to(largest), limits, (1 / 3, 1 / 2**20), strict=True):
        edges = [np.array(value, np.float32) for value in (0.0, high, 0.0, high)]
        quantised = ops.fake_quantize(node, *edges, 256)
        ints = ops.convert(ops.constant(kernel.reshape(*kernel.shape, 1, 1)), "f32")
        scaled = ops.multiply(ints, np.full((len(kernel), 1, 1, 1), scale, np.float32))
        node = ops.convolution(quantised, scaled, [1, 1], [0, 0], [0, 0], [1, 1])
    pooled = ops.reduce_mean(node, np.array([2, 3]), keep_dims=False)
    pooled.output(0).get_tensor().set_names({"scores"})
    return ov.Model([pooled], [image], "quantised net")


def as_written(image: NDArray[np.uint8], largest: int) -> Floats:
    """The scores of `quantised_net`, by the book, for (H, W, 3) pixels."""
    first, second = weights_up_to(largest)
    values = image.reshape(-1, 3).astype(np.float64) @ first.T / 3
    steps = np.rint(np.clip(values / STEP, 0, 255))
    scores: Floats = (STEP * steps @ second.T / 2**20).mean(axis=0).astype(np.float32)
    return scores


def images() -> list[NDArray[np.uint8]]:
    chance = np.random.default_rng(2)
    bright = np.full((SIZE, SIZE, 3), 255, np.uint8)
    return [bright, *chance.integers(0, 256, (8, SIZE, SIZE, 3), np.uint8)]


def scores(classifier: Classifier) -> list[Floats]:
    (ring,) = classifier.rings
    found = []
    for image in images():
        ring.start([0], [image])
        finished = ring.wait(10)
        assert finished is not None
        found.append(finished.scores[0])
    return found


def opened(folder: Path, largest: int, **options: Any) -> Classifier:
    path = tiny.save(quantised_net(largest), folder / "m.xml")
    return Classifier.open(Job(model=str(path), **options), ONE)


def how(classifier: Classifier) -> str:
    found: str = classifier.description["fingerprint"]["int8"]
    assert classifier.description["int8"] == found
    return found


@pytest.mark.parametrize(("largest", "expected"), [(127, "exact"), (65, "exact"), (64, "fast")])
def test_the_weights_decide_and_no_machine(tmp_path: Path, largest: int, expected: str) -> None:
    assert how(opened(tmp_path, largest)) == expected


@pytest.mark.parametrize("largest", [127, 64])
def test_what_is_asked_for_is_done(tmp_path: Path, largest: int) -> None:
    assert how(opened(tmp_path, largest, int8="exact")) == "exact"
    assert how(opened(tmp_path, largest, int8="fast")).startswith("fast")


def test_a_configuration_file_decides_unless_the_option_does(tmp_path: Path) -> None:
    config = tmp_path / "c.json"
    config.write_text('{"CPU": {"LP_TRANSFORMS_MODE": "NO"}}')
    assert how(opened(tmp_path, 64, load_config=str(config))) == "exact"
    assert how(opened(tmp_path, 64, load_config=str(config), int8="fast")) == "fast"
    config.write_text('{"CPU": {"LP_TRANSFORMS_MODE": "YES"}}')
    assert how(opened(tmp_path, 127, load_config=str(config))).startswith("fast")


def test_models_without_quantised_layers_have_no_choice(tmp_path: Path) -> None:
    path = tiny.save(tiny.colour_model(), tmp_path / "m.xml")
    for asked in (None, "exact", "fast"):
        assert how(Classifier.open(Job(model=str(path), int8=asked), ONE)) == "none"


@pytest.mark.parametrize("largest", [127, 64])
@pytest.mark.parametrize("device", [("CPU",), ("HETERO:CPU",), ("VCPU",)])
def test_the_default_computes_what_is_written(
    tmp_path: Path, largest: int, device: tuple[str, ...]
) -> None:
    classifier = opened(tmp_path, largest, device=device, plugin=(tiny.VCPU,))
    for image, found in zip(images(), scores(classifier), strict=True):
        np.testing.assert_allclose(found, as_written(image, largest), rtol=1e-5)


def test_the_cache_of_compiled_models_keeps_both_ways_apart(tmp_path: Path) -> None:
    cache = str(tmp_path / "cache")
    path = str(tiny.save(quantised_net(64), tmp_path / "m.xml"))
    kept, found = [], []
    for way in ("exact", "fast", "exact", "fast"):
        classifier = Classifier.open(Job(model=path, int8=way, cache_dir=cache), ONE)
        assert how(classifier) == way
        found.append(np.array(scores(classifier)))
        classifier.close()
        kept.append(len(list(Path(cache).glob(f"*{SUFFIX}"))))
    assert kept == [1, 2, 2, 2]
    np.testing.assert_array_equal(found[:2], found[2:])


def test_the_probe_tries_both_ways(tmp_path: Path) -> None:
    path = tiny.save(quantised_net(127), tmp_path / "m.xml")
    trials = probe(Job(model=str(path)), images(), threads=ONE)
    assert {trial.int8 for trial in trials[2:]} == {"exact"}
    assert sorted(trial.int8 for trial in trials[:2])[1].startswith("fast")


PRINTS = """
import sys
from pathlib import Path
from tests.model.graph import test_int8 as t
for way in (None, "fast"):
    classifier = t.opened(Path(sys.argv[1]), 127, int8=way)
    print(t.how(classifier), t.digest(classifier), *classifier.description["warnings"], sep="|")
"""


def digest(classifier: Classifier) -> str:
    return hashlib.sha256(np.stack(scores(classifier)).tobytes()).hexdigest()


@pytest.mark.skipif(platform.machine() != "x86_64", reason="of x86: VNNI, or not")
def test_a_processor_without_vnni_answers_the_same(tmp_path: Path) -> None:
    """Kept from using more than AVX2, it is such a processor."""
    done = subprocess.run(
        [sys.executable, "-c", PRINTS, str(tmp_path)],
        env={**os.environ, "ONEDNN_MAX_CPU_ISA": "AVX2"},
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    default, fast = (line.split("|") for line in done.stdout.splitlines())
    assert default[:2] == ["exact", digest(opened(tmp_path, 127))]
    assert fast[0] == int8.SATURATING
    assert fast[1] != default[1]
    assert any("--int8 exact" in warning for warning in fast[2:])


def test_saturation_is_asked_of_the_device_itself() -> None:
    core = ov.Core()
    core.set_property("CPU", {"INFERENCE_PRECISION_HINT": "f32", int8.PROPERTY: "NO"})
    assert int8.saturates(core, "CPU") is False
