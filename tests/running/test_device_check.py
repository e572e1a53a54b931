"""Devices that answer wrongly are refused before the night; right ones never are."""

import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from batchcls.backends.local import LocalBackend
from batchcls.backends.question import Question
from batchcls.errors import DeviceError, DistrustedError
from batchcls.job.job import Job
from batchcls.running.run import run
from tests.support import tiny_models as tiny
from tests.support.wrong_core import FROM_THE_BEGINNING

pytestmark = pytest.mark.runs


def draw(path: Path, number: int, chance: np.random.Generator) -> None:
    """A noisy picture whose colour is clear."""
    picture = chance.integers(0, 90, (10, 10, 3), np.uint8)
    picture[..., number % 3] += 120
    assert cv2.imwrite(str(path), picture)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    chance = np.random.default_rng(0)
    for number in range(400):
        draw(folder / f"{number:03}.png", number, chance)
    return folder


@pytest.fixture
def job(images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Job:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    model = tiny.save(tiny.colour_model(softmax=True), tmp_path / "m.xml")
    return Job(
        sources=(str(images),), model=str(model), output=str(tmp_path / "r.jsonl"), workers=1,
        device=("VCPU",), plugin=(tiny.VCPU,), progress="none",
    )  # fmt: skip


def wrong(request: Any, words: Any) -> Question:
    return Question("tests.support.wrong_device", request, words)


@pytest.mark.parametrize("how", FROM_THE_BEGINNING)
def test_a_wrong_device_is_refused(job: Job, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WRONG", how)
    with pytest.raises(DeviceError, match="VCPU labels images otherwise than the CPU") as caught:
        run(job, ask=wrong)
    assert "of 40 clear images" in str(caught.value)
    assert "--infer-precision f32" in str(caught.value)
    assert not Path(job.output).exists()
    assert not Path(job.output + ".part").exists()


@pytest.mark.parametrize("channel", [0, 2])
def test_a_device_stuck_in_the_class_of_all_images_is_refused(
    job: Job, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, channel: int
) -> None:
    one_class = tmp_path / "one"
    one_class.mkdir()
    for number, path in enumerate(sorted(images.iterdir())):
        if number % 3 == channel:
            for again in "ab":
                (one_class / f"{again}{path.name}").symlink_to(path)
    monkeypatch.setenv("WRONG", "constant")
    with pytest.raises(DeviceError, match="VCPU labels images otherwise than the CPU"):
        run(replace(job, sources=(str(one_class),)), ask=wrong)


def test_a_refusal_does_not_outlast_its_cause(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WRONG", "noise")
    with pytest.raises(DeviceError):
        run(job, ask=wrong)
    assert run(job).exit_code == 0, "with another driver, or after a restart"


def test_whoever_knows_may_go_on(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WRONG", "zeros")
    assert run(replace(job, device_agreement=0.0), ask=wrong).exit_code == 0
    other = replace(job, device_check=False, output=job.output + "2")
    assert run(other, ask=wrong).exit_code == 0


def test_a_right_device_is_told_of_and_not_measured_again(job: Job) -> None:
    asked = []

    def ask(request: Any, words: Any) -> Question:
        asked.append(request)
        return Question("batchcls.worker.device_check", request, words)

    assert run(job, ask=ask).exit_code == 0
    summary = json.loads(Path(job.output + ".job/summary.json").read_text())
    assert summary["agreed"] == ["VCPU agrees with the CPU on 40 of 40 clear images"]
    assert run(replace(job, output=job.output + "2"), ask=ask).exit_code == 0
    assert run(replace(job, output=job.output + "3", cache=False), ask=ask).exit_code == 0
    assert len(asked) == 2, "the second is known from the first, the third looks nowhere"


def test_too_few_clear_images_are_no_judgement(
    job: Job, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WRONG", "zeros")
    few = tmp_path / "few"
    few.mkdir()
    for path in sorted(images.iterdir())[:60]:
        (few / path.name).symlink_to(path)
    assert run(replace(job, sources=(str(few),)), ask=wrong).exit_code == 0
    summary = json.loads(Path(job.output + ".job/summary.json").read_text())
    assert any("too few images to judge" in warning for warning in summary["warnings"])


@pytest.mark.parametrize(
    "options",
    [
        {"device": ("HETERO:VCPU,CPU",)},
        {"device": ("VCPU", "CPU")},
        {"device": ("CPU",), "plugin": (), "infer_precision": "bf16"},
        {"device": ("CPU",), "plugin": (), "int8": "fast"},
        {"device": ("AUTO:CPU",), "plugin": ()},
        {"batch_size": 4},
    ],
    ids=str,
)
def test_right_devices_of_every_kind_are_checked_and_go_on(
    job: Job, options: dict[str, Any]
) -> None:
    result = run(replace(job, **options))
    assert result.exit_code == 0
    summary = json.loads(Path(job.output + ".job/summary.json").read_text())
    assert summary["agreed"]
    assert all("40 of 40" in sentence for sentence in summary["agreed"])


def test_a_device_that_is_another_one_each_time_is_told_of(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WRONG", "after 0")  # in the worker, not in the check
    run(job, partial(LocalBackend, module="tests.support.wrong_worker"))
    summary = json.loads(Path(job.output + ".job/summary.json").read_text())
    assert any("VCPU answers otherwise each time" in warning for warning in summary["warnings"])


def test_the_plain_cpu_is_not_checked(job: Job) -> None:
    def never(request: Any, words: Any) -> Question:
        raise AssertionError

    assert run(replace(job, device=("CPU",), plugin=()), ask=never).exit_code == 0


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("many")
    chance = np.random.default_rng(1)
    for number in range(300):
        first = folder / f"{number:05}.png"
        draw(first, number, chance)
        for again in range(1, 16):
            (folder / f"{number + 300 * again:05}.png").hardlink_to(first)
    return folder


@pytest.mark.parametrize(("right", "workers"), [(6, 1), (6, 2), (1000, 1), (1000, 2), (2400, 1)])
def test_a_device_that_goes_bad_is_found_and_its_lines_are_done_again(
    job: Job, many: Path, monkeypatch: pytest.MonkeyPatch, right: int, workers: int
) -> None:
    """Right for its first images: five of the echo, and then of the run."""
    job = replace(job, sources=(str(many),), workers=workers, batch_size=1)
    undisturbed = replace(job, output=job.output + ".right")
    assert run(undisturbed).exit_code == 0
    lines = Path(undisturbed.output).read_bytes().splitlines()
    monkeypatch.setenv("WRONG", f"after {right}")
    with pytest.raises(DistrustedError, match="VCPU labels images otherwise than the CPU since"):
        run(job, partial(LocalBackend, module="tests.support.wrong_worker"))
    kept = Path(job.output + ".part").read_bytes().splitlines()
    assert kept == lines[: len(kept)], "no wrong line is kept"
    assert right < 2000 or len(kept) >= 1999, "what it passed a check for stays"
    asked = []

    def ask(request: Any, words: Any) -> Question:
        asked.append(request)
        return Question("batchcls.worker.device_check", request, words)

    assert run(job, ask=ask).exit_code == 0
    assert asked, "what was measured before the night is not believed any more"
    assert Path(job.output).read_bytes().splitlines() == lines
