"""The whole of `batchcls quantize`, on a small network and colours that it tells apart."""

import io
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import openvino as ov
import pytest

from batchcls.cli.quantize import accepted, render_comparison
from batchcls.job.job import Job
from batchcls.job.threads import Threads
from batchcls.model.infer.classifier import Classifier
from batchcls.quantize.compare import Comparison
from tests.support.colour_net import COLOURS, colour_net
from tests.support.network import Watch

nncf = pytest.importorskip("nncf")


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    rng = np.random.default_rng(1)
    for name, colour in COLOURS.items():
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for n in range(6):
            noise = rng.integers(-30, 30, (20, 20, 3))
            pixels = (np.array(colour) + noise).clip(0, 255).astype(np.uint8)
            cv2.imwrite(str(tmp_path / "pictures" / name / f"{n}.png"), pixels)
    (tmp_path / "pictures" / "broken.png").write_bytes(b"no picture")
    return tmp_path / "pictures"


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "batchcls", "quantize", *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=55, stdin=subprocess.DEVNULL, check=False
    )


def test_a_guess_needs_a_yes_and_stays_a_guess(tmp_path: Path, pictures: Path) -> None:
    model, out = colour_net(tmp_path / "m.xml", info={}), tmp_path / "int8.xml"
    words = (model, pictures, "-o", out, "--calibration", "12", "--held-out", "6")
    refused = run(*words)
    assert refused.returncode == 2
    assert "batchcls guesses: stretched, BGR, not normalised" in refused.stderr
    assert "`--yes` quantises with the guess" in refused.stderr
    assert not out.exists()
    done = run(*words, "--yes")
    assert done.returncode == 0, done.stderr
    assert "warning: the model does not say how its images are preprocessed" in done.stderr
    told = Classifier.open(Job(model=str(out)), Threads(nthreads=1)).description["warnings"]
    assert any("was guessed when the model was written" in warning for warning in told)
    assert run(*words, "--preprocess", "none", "--yes").returncode == 0
    assert Classifier.open(Job(model=str(out)), Threads(nthreads=1)).description["warnings"] == []


def test_a_model_becomes_int8_and_says_how_good_it_is(tmp_path: Path, pictures: Path) -> None:
    model, out = colour_net(tmp_path / "m.xml"), tmp_path / "int8.xml"
    done = run(
        model, pictures, "-o", out, "--calibration", "12", "--held-out", "6", "--json", "--yes"
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["agreement"] == 1.0
    assert found["accuracy"] == [1.0, 1.0]
    assert found["unusable"] == 1
    assert min(found["fps"]) > 0
    quantised = ov.Core().read_model(out)
    assert any(op.get_type_name() == "FakeQuantize" for op in quantised.get_ops())
    assert quantised.get_rt_info(["model_info", "labels"]).astype(str) == "blue green red"
    assert quantised.get_rt_info(["model_info", "mean_values"]).astype(str) == "120.0 120.0 120.0"


def test_a_convolution_is_quantised_together_with_its_normalisation(
    tmp_path: Path, pictures: Path
) -> None:
    model, out = colour_net(tmp_path / "m.xml", normalised=True), tmp_path / "int8.xml"
    assert run(model, pictures, "-o", out, "--yes").returncode == 0
    quantised = ov.Core().read_model(out)
    (conv,) = (op for op in quantised.get_ops() if op.get_type_name() == "Convolution")
    (taker,) = (target.get_node() for target in conv.output(0).get_target_inputs())
    assert taker.get_type_name() == "Add"


def test_a_quantised_model_is_not_quantised_again(tmp_path: Path, pictures: Path) -> None:
    model, out = colour_net(tmp_path / "m.xml"), tmp_path / "int8.xml"
    assert run(model, pictures, "-o", out, "--yes").returncode == 0
    again = run(out, pictures, "-o", tmp_path / "again.xml")
    assert again.returncode == 2
    assert "already quantised" in again.stderr
    assert not (tmp_path / "again.xml").exists()


def test_neither_nncf_nor_openvino_phones_home(tmp_path: Path, pictures: Path) -> None:
    model, watch = colour_net(tmp_path / "m.xml"), Watch(tmp_path)
    words = ("quantize", model, pictures, "-o", "int8.xml", "--yes")
    seen = watch.run([sys.executable, "-m", "batchcls", *words], tmp_path)
    assert seen.done.returncode == 0, seen.done.stderr
    assert seen.calls == []
    assert [*watch.home.iterdir()] == []
    assert seen.processes


def test_a_bad_result_is_kept_only_on_demand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))  # a pipe's yes is nobody's
    bad = Comparison(8, 8, 0, 0.98, 0, None, "", (1.0, 2.0), (1.0, 0.5))
    assert not accepted(bad, yes=False)
    assert accepted(bad, yes=True)
    assert accepted(replace(bad, agreement=0.99), yes=False)
    assert "98.0%, below 99%" in render_comparison(bad)


@pytest.mark.parametrize("speed", [0.8, 1.0])
def test_a_model_that_is_no_faster_is_not_good(
    monkeypatch: pytest.MonkeyPatch, speed: float
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    slow = Comparison(8, 8, 0, 1.0, 0, None, "", (100.0, 100 * speed), (1.0, 0.5))
    assert not slow.good
    assert not slow.as_dict()["good"]
    assert slow.doubts == (f"is not faster ({speed:.2f} times the original's speed)",)
    assert not accepted(slow, yes=False)
    assert accepted(slow, yes=True)
    assert "no gain" in render_comparison(slow)
    assert "below 99%" not in render_comparison(slow)
    assert replace(slow, fps=(100.0, 100.1)).good
