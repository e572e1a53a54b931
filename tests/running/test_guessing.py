"""Runs whose model does not say how its images are preprocessed: the images decide, once."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import cv2
import pytest

from batchcls.cli.main import main
from batchcls.errors import ModelError
from batchcls.images import Folder, ImageRef
from batchcls.job.choices import Progress
from batchcls.job.job import Job
from batchcls.results import manifest
from batchcls.results.rundir import RunPaths
from batchcls.results.storage import PosixStorage
from batchcls.running import guessing
from batchcls.running.run import run
from tests.support import onnx_models
from tests.support.tiny_models import flat_colour

pytestmark = pytest.mark.runs
NO_GUESS = "the usual guess is taken"


@pytest.fixture
def job(tmp_path: Path) -> Job:
    draw(tmp_path / "images", range(30))
    return Job(
        sources=(str(tmp_path / "images"),),
        model=str(onnx_models.nearest_colour(tmp_path / "m.onnx")),
        output=str(tmp_path / "r.jsonl"),
        progress="none",
        workers=1,
    )


def draw(folder: Path, numbers: range) -> None:
    folder.mkdir(exist_ok=True)
    for number in numbers:
        red, green, blue = onnx_models.NAMED_COLOURS[number % 24]
        assert cv2.imwrite(str(folder / f"{number:02}.png"), flat_colour((blue, green, red)))


def kept(job: Job) -> manifest.Manifest:
    found = manifest.load(PosixStorage(), RunPaths.of(job.output).manifest)
    assert found is not None
    return found


def classes(job: Job) -> list[int]:
    lines = map(json.loads, Path(job.output).read_text().splitlines())
    return [line["top"][0]["index"] for line in lines]


def test_the_images_decide_and_everybody_is_told(
    job: Job, capfd: pytest.CaptureFixture[str]
) -> None:
    """The usual guess is right for few of the 30."""
    run(job)
    assert classes(job) == [number % 24 for number in range(30)]
    settings = kept(job).settings
    assert settings["guess"]["name"] == "RGB, -1..1"
    assert settings["guess"]["images"] >= 24
    paths, told = RunPaths.of(job.output), capfd.readouterr().err
    for text in (told, paths.summary.read_text(), json.dumps(settings["warnings"])):
        assert "batchcls guesses: shortest edge and centre crop, RGB, scaled to -1..1" in text
    for text in (told, paths.summary.read_text()):
        assert "6 plausible preprocessings were tried on" in text
    assert main(["status", job.output]) == 0
    assert "warning: the model does not say" in capfd.readouterr().out


def test_what_was_chosen_stays(job: Job, tmp_path: Path) -> None:
    """New images of one colour would decide otherwise; other workers take it too."""
    run(job)
    first = kept(job)
    draw(tmp_path / "images", range(48, 49))
    run(replace(job, extend=True, workers=2))
    assert classes(job) == [*(number % 24 for number in range(30)), 0]
    assert kept(job).settings["guess"] == first.settings["guess"]
    assert kept(job).fingerprint == first.fingerprint


@pytest.mark.parametrize("kind", get_args(Progress))
def test_every_display_lets_warnings_through(
    job: Job, tmp_path: Path, kind: str, capfd: pytest.CaptureFixture[str]
) -> None:
    few = replace(job, sources=(str(tmp_path / "few"),), progress=kind)
    draw(tmp_path / "few", range(3))
    run(few)
    told = " ".join(re.sub("\x1b[^A-Za-z]*[A-Za-z]|[^ -~]", " ", capfd.readouterr().err).split())
    assert "the model does not say how its images are preprocessed" in told


def test_few_images_get_the_usual_guess(job: Job, tmp_path: Path) -> None:
    few = replace(job, sources=(str(tmp_path / "few"),))
    draw(tmp_path / "few", range(3))
    run(few)
    guess = kept(few).settings["guess"]
    assert (guess["name"], guess["images"]) == ("RGB, ImageNet", 0)
    assert NO_GUESS in guess["words"]


def test_nothing_is_asked_where_the_model_is_known(job: Job) -> None:
    run(replace(job, preprocess="tf"))
    assert kept(job).settings["guess"] is None
    assert kept(job).settings["warnings"] == []


def test_a_known_model_pays_nothing_for_it(job: Job) -> None:
    program = (
        "import json, sys; from batchcls.job.job import Job; from batchcls.running.run import run\n"
        "run(Job.from_dict(json.loads(sys.argv[1])))\n"
        "print('batchcls.running.guessing' in sys.modules)"
    )
    for known, loaded in (("tf", "False"), (None, "True")):
        asked = replace(job, preprocess=known, output=f"{job.output}{known}").as_dict()
        done = subprocess.run(
            [sys.executable, "-c", program, json.dumps(asked)],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert done.stdout.strip() == loaded


def test_a_guess_is_refused_where_none_is_allowed(job: Job) -> None:
    with pytest.raises(ModelError, match="--strict-preprocess: the model does not say"):
        run(replace(job, strict_preprocess=True))
    assert not Path(job.output).exists()


@pytest.mark.parametrize("what", ["no process", "no answer", "a broken model"])
def test_a_trial_that_fails_costs_the_run_nothing(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    if what == "no process":
        monkeypatch.setattr(guessing, "MODULE", "tests.support.nothing")
    elif what == "no answer":
        monkeypatch.setattr(guessing, "TIMEOUT_S", 0.0)
    else:
        (tmp_path / "broken.onnx").write_bytes(b"no model")
        job = replace(job, model=str(tmp_path / "broken.onnx"))
    image = ImageRef(0, "00.png", Folder(job.sources[0]))
    waits: list[Any] = []

    def note() -> None:
        waits.append(None)

    found = guessing.decide(job, [image], tmp_path / "log", note)
    assert (found["name"], found["images"]) == ("", 0)
    assert NO_GUESS in found["words"]
    assert waits
