"""The commands measure for real, with the built-in model, in a few seconds."""

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from batchcls.job import file
from batchcls.model.builtin import path
from batchcls.model.builtin.canary import canary_image
from tests.support.tiny_models import colour_model, save

pytestmark = pytest.mark.runs


def batchcls(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "batchcls", *words],
        capture_output=True,
        text=True,
        cwd=cwd,
        check=False,
        timeout=55,
    )


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    for n in range(3):
        (folder / f"{n}.png").write_bytes(canary_image())
    (folder / "broken.png").write_bytes(b"no image")
    return folder


def test_bench_measures_parts_and_whole(tmp_path: Path, images: Path) -> None:
    done = batchcls("bench", str(path()), str(images), "--seconds", "0.2", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["inference"][0]["fps"] > 0
    assert found["inference"][0]["latency_ms"]["p50"] <= found["inference"][0]["latency_ms"]["max"]
    assert found["preparation"]["images"] == 4
    assert found["preparation"]["failed"] == 1
    assert found["whole"]["fps"] > 0
    assert found["bound"] > 0
    assert found["advice"]
    assert "too small to measure it on" in found["fast"]["words"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["images"]


def test_bench_counts_second_looks(tmp_path: Path) -> None:
    """Of grey pictures every class is as good as another; of red ones it is not."""
    model = save(colour_model(16, softmax=True), tmp_path / "colours.xml")
    folder = tmp_path / "images"
    folder.mkdir()
    for number, colour in enumerate(((120, 120, 120), (60, 60, 190), (120, 120, 120))):
        pixels = np.full((410, 660, 3), colour, np.uint8)
        assert cv2.imwrite(str(folder / f"{number}.jpg"), pixels)
    for how, twice in (("full", None), ("reduced", 2)):
        words = ("bench", str(model), str(folder), "--seconds", "0.1", "--decode", how, "--json")
        done = batchcls(*words, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["preparation"]["twice"] == twice


def test_bench_of_a_missing_model_is_a_sentence(tmp_path: Path) -> None:
    done = batchcls("bench", "nowhere.xml", cwd=tmp_path)
    assert done.returncode == 2
    assert "nowhere.xml" in done.stderr
    assert "Traceback" not in done.stderr


def test_bench_refuses_numbers_that_make_no_sense(tmp_path: Path) -> None:
    done = batchcls("bench", str(path()), "--nireq", "-1", cwd=tmp_path)
    assert done.returncode == 2
    assert "--nireq" in done.stderr


def test_tune_refuses_to_overwrite_before_it_works(tmp_path: Path, images: Path) -> None:
    (tmp_path / "tuned.toml").write_text("mine")
    done = batchcls("tune", str(path()), str(images), cwd=tmp_path)
    assert done.returncode == 2
    assert "--to" in done.stderr
    assert (tmp_path / "tuned.toml").read_text() == "mine"


@pytest.mark.faults
@pytest.mark.timeout(170)
def test_tune_writes_a_job_that_runs(tmp_path: Path, images: Path) -> None:
    words = ["tune", str(path()), str(images), "--seconds", "1"]
    done = subprocess.run(
        [sys.executable, "-m", "batchcls", *words],
        capture_output=True, text=True, cwd=tmp_path, check=False, timeout=160,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert file.load(tmp_path / "tuned.toml")["sources"] == (str(images),)
