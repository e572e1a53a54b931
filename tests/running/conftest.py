"""A small job that every test of a whole run starts from: a real model, drawn images, bad files."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from batchcls.job.job import Job
from batchcls.running.run import run
from tests.support.tiny_models import VCPU, colour_model, save

COLOURS = {"red": (0, 0, 250), "green": (0, 250, 0), "blue": (250, 0, 0)}


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tells red, green and blue apart; says of itself how its images must be prepared."""
    info = {
        "model_type": "Classification", "labels": "red green blue", "resize_type": "standard",
        "reverse_input_channels": "True", "mean_values": "1 2 3", "scale_values": "2 2 2",
    }  # fmt: skip
    folder = tmp_path_factory.mktemp("model")
    return save(colour_model(16, softmax=True), folder / "colours.xml", info)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """48 good images in two directories, and one of each kind of bad file."""
    folder = tmp_path / "images"
    chance = np.random.default_rng(5)
    for number in range(48):
        name, colour = list(COLOURS.items())[number % 3]
        noise = chance.integers(0, 40, (9 + number, 30, 3))
        pixels = np.clip(np.array(colour) + noise - 20, 0, 255).astype(np.uint8)
        path = folder / ("a" if number % 2 else "b/c") / f"{number:02}-{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(path), pixels)
    (folder / "bad").mkdir()
    (folder / "bad/empty.png").touch()
    (folder / "bad/text.jpg").write_text("no image at all, but enough bytes to look at")
    (folder / "bad/truncated.png").write_bytes((folder / "a/01-green.png").read_bytes()[:-20])
    os.mkfifo(folder / "bad/pipe.jpg")
    (folder / "bad/dangling.png").symlink_to("nowhere.png")
    return folder


@pytest.fixture
def job(images: Path, model: Path, tmp_path: Path) -> Job:
    """Over these images, with this model; shows nothing."""
    return Job(
        sources=(str(images),),
        model=str(model),
        output=str(tmp_path / "results.jsonl"),
        progress="none",
        plugin=(VCPU,),
        workers=2,
    )


CROWD = 30_000


@pytest.fixture(scope="session")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Very many names of a few small images: work for seconds, under names of their own."""
    folder = tmp_path_factory.mktemp("crowd")
    chance = np.random.default_rng(1)
    for number in range(8):
        pixels = chance.integers(0, 255, (90 + number, 100, 3), np.uint8)
        assert cv2.imwrite(str(folder / f"{number}.png"), pixels)
    for number in range(8, CROWD):
        (folder / f"{number}.png").hardlink_to(folder / f"{number % 8}.png")
    return folder


@pytest.fixture(scope="session")
def crowd_whole(crowd: Path, model: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What an undisturbed run over the crowd writes."""
    output = tmp_path_factory.mktemp("whole") / "results.jsonl"
    run(Job(sources=(str(crowd),), model=str(model), output=str(output), progress="none"))
    return output.read_bytes()
