"""Quantised layers: computed as they are written by default, on every machine; fast where asked."""

import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as ops

from batchcls.job.job import Job
from batchcls.model.compile.compiled_files import SUFFIX
from batchcls.model.graph import int8
from batchcls.model.infer.classifier import Classifier
from batchcls.model.probe import probe
from tests.support import tiny_models as tiny
from tests.support.int8_net import (
    ONE,
    as_written,
    digest,
    how,
    images,
    opened,
    quantised_net,
    scores,
)

pytestmark = pytest.mark.runs


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


def depthwise_net(largest: int, kernel: int, *, reshaped: bool = False) -> ov.Model:
    """A depthwise convolution with the largest weights, then one of 1x1 with such as are given."""
    image = ops.parameter([1, 64, 16, 16], ov.Type.f32)
    limits = [np.float32(value) for value in (0.0, 255.0, 0.0, 255.0)]
    shape = (64, 1, 1, kernel, kernel)
    stored = (64, 1, kernel, kernel) if reshaped else shape
    weights: Any = ops.convert(ops.constant(np.full(stored, 127, np.int8)), "f32")
    weights = ops.multiply(weights, np.float32(0.01))
    if reshaped:
        weights = ops.reshape(weights, np.array(shape, np.int64), special_zero=False)
    deep = ops.group_convolution(
        ops.fake_quantize(image, *limits, 256), weights, [1, 1], [0, 0], [0, 0], [1, 1]
    )
    ints = ops.constant(np.full((8, 64, 1, 1), largest, np.int8))
    wide = ops.multiply(ops.convert(ints, "f32"), np.float32(0.01))
    ends = [np.float32(value) for value in (0.0, 1000.0, 0.0, 1000.0)]
    out = ops.convolution(ops.fake_quantize(deep, *ends, 256), wide, [1, 1], [0, 0], [0, 0], [1, 1])
    return ov.Model([out], [image], "depthwise")


@pytest.mark.parametrize("reshaped", [False, True])
@pytest.mark.parametrize("kernel", [1, 3, 7])
def test_depthwise_weights_do_not_count(kernel: int, reshaped: bool) -> None:
    assert int8.leaves_room(depthwise_net(64, kernel, reshaped=reshaped))
    assert not int8.leaves_room(depthwise_net(65, kernel, reshaped=reshaped))


EXTREMES = """
import sys
import numpy as np, openvino as ov
from tests.model.graph.test_int8 import depthwise_net
core = ov.Core()
for kernel in (1, 3, 5, 9):
    for pixels in (np.full((1, 64, 16, 16), 255.0, np.float32),
                   np.random.default_rng(1).integers(0, 256, (1, 64, 16, 16)).astype(np.float32)):
        fast, exact = (
            core.compile_model(depthwise_net(64, kernel), "CPU",
                {"LP_TRANSFORMS_MODE": mode, "INFERENCE_PRECISION_HINT": "f32"})(pixels)[0]
            for mode in ("YES", "NO")
        )
        # One step of the input of the second layer, by each of its weights.
        assert np.abs(fast - exact).max() <= 64 * 0.64 * 1000 / 255 + 0.01, kernel
"""


@pytest.mark.runs
@pytest.mark.parametrize("isa", ["AVX2", "AVX512_CORE", "DEFAULT"])
def test_sums_of_depthwise_products_do_not_overflow(isa: str) -> None:
    subprocess.run(
        [sys.executable, "-c", EXTREMES],
        env={**os.environ, "ONEDNN_MAX_CPU_ISA": isa},
        check=True, timeout=60,
    )  # fmt: skip


def test_models_without_quantised_layers_have_no_choice(tmp_path: Path) -> None:
    path = tiny.save(tiny.colour_model(), tmp_path / "m.xml")
    for asked in (None, "exact", "fast"):
        assert how(Classifier.open(Job(model=str(path), int8=asked), ONE)) == "none"


@pytest.mark.runs
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
import batchcls.model.runtime  # before OpenVINO
from tests.support import int8_net as net
for way in (None, "fast"):
    classifier = net.opened(Path(sys.argv[1]), 127, int8=way)
    print(net.how(classifier), net.digest(classifier), *classifier.description["warnings"], sep="|")
"""


@pytest.mark.runs
@pytest.mark.skipif(platform.machine() != "x86_64", reason="of x86: VNNI, or not")
def test_a_processor_without_vnni_answers_the_same(tmp_path: Path) -> None:
    """Kept from using more than AVX2, it is such a processor."""
    done = subprocess.run(
        [sys.executable, "-c", PRINTS, str(tmp_path)],
        env={**os.environ, "ONEDNN_MAX_CPU_ISA": "AVX2"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    default, fast = (line.split("|") for line in done.stdout.splitlines())
    assert default[:2] == ["exact", digest(opened(tmp_path, 127))]
    assert fast[0] == int8.SATURATING
    assert fast[1] != default[1]
    assert any("--int8 exact" in warning for warning in fast[2:])


def test_saturation_is_asked_of_the_device_itself() -> None:
    core = ov.Core()
    core.set_property("CPU", {"INFERENCE_PRECISION_HINT": "f32", int8.PROPERTY: "NO"})
    assert int8.saturates(core, "CPU") is False
