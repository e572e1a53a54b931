"""Quantised layers: computed as they are written by default, on every machine; fast where asked."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import openvino as ov
import pytest

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
import batchcls.model.runtime  # before OpenVINO
from tests.support import int8_net as net
for way in (None, "fast"):
    classifier = net.opened(Path(sys.argv[1]), 127, int8=way)
    print(net.how(classifier), net.digest(classifier), *classifier.description["warnings"], sep="|")
"""


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
