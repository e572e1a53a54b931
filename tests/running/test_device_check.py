"""Devices that answer wrongly are refused before the night; right ones never are."""

import json
import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from batchcls.backends.local import LocalBackend
from batchcls.backends.question import Question
from batchcls.errors import DeviceError, DistrustedError, StoppedError
from batchcls.job.job import Job
from batchcls.messages import Answered, Event, WorkerDied
from batchcls.running.night_watch import NightWatch
from batchcls.running.run import run
from tests.support import tiny_models as tiny
from tests.support.wrong_core import FROM_THE_BEGINNING

pytestmark = pytest.mark.runs


WRONG_WORKERS = partial(LocalBackend, module="tests.support.wrong_worker")


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
    with pytest.raises(DeviceError, match="VCPU gives other labels than the CPU") as caught:
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
    with pytest.raises(DeviceError, match="VCPU gives other labels than the CPU"):
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


def test_too_few_clear_images_are_no_judgement(job: Job, images: Path, tmp_path: Path) -> None:
    few = tmp_path / "few"
    few.mkdir()
    for path in sorted(images.iterdir())[:60]:
        (few / path.name).symlink_to(path)
    assert run(replace(job, sources=(str(few),))).exit_code == 0
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


def test_a_device_that_is_another_one_each_time_is_refused_or_found_all_the_same(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WRONG", "after 0")  # in the worker, not in the check
    with pytest.raises(DeviceError, match="VCPU gives other answers each time") as caught:
        run(job, WRONG_WORKERS)
    assert "`--mixed-processors` accepts it" in str(caught.value)
    assert not Path(job.output + ".part").exists()
    with pytest.raises(DistrustedError):
        run(replace(job, mixed_processors=True), WRONG_WORKERS)
    summary = json.loads(Path(job.output + ".job/summary.json").read_text())
    assert any("VCPU gives other answers each time" in warning for warning in summary["warnings"])
    assert not Path(job.output + ".part").read_bytes()


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


@pytest.fixture
def right(job: Job, many: Path) -> tuple[Job, list[bytes]]:
    """A job over many images, and the lines that are right."""
    job = replace(job, sources=(str(many),), batch_size=1)
    undisturbed = replace(job, output=job.output + ".right")
    assert run(undisturbed).exit_code == 0
    return job, Path(undisturbed.output).read_bytes().splitlines()


def found_and_done_again(job: Job, lines: list[bytes]) -> list[bytes]:
    """The lines that were kept, all of them right, when the device was found to be wrong."""
    with pytest.raises(DistrustedError, match="VCPU gives other labels than the CPU since"):
        run(job, WRONG_WORKERS)
    kept = Path(job.output + ".part").read_bytes().splitlines()
    assert kept == lines[: len(kept)], "no wrong line is kept"
    asked = []

    def ask(request: Any, words: Any) -> Question:
        asked.append(request)
        return Question("batchcls.worker.device_check", request, words)

    assert run(job, ask=ask).exit_code == 0
    assert asked, "what was measured before the night is not believed any more"
    assert Path(job.output).read_bytes().splitlines() == lines[: len(lines)]
    return kept


@pytest.mark.parametrize(("good", "workers"), [(6, 1), (6, 2), (1000, 1), (1000, 2), (2400, 1)])
def test_a_device_that_goes_bad_is_found_and_its_lines_are_done_again(
    right: tuple[Job, list[bytes]], monkeypatch: pytest.MonkeyPatch, good: int, workers: int
) -> None:
    """Right for its first images: five of the echo, and then of the run."""
    job, lines = right
    monkeypatch.setenv("WRONG", f"after {good}")
    kept = found_and_done_again(replace(job, workers=workers), lines)
    assert good < 2000 or len(kept) >= 1999, "what it passed a check for stays"


@pytest.mark.parametrize("good", [6, 150])
def test_it_is_found_in_a_run_that_is_shorter_than_the_first_check(
    job: Job, monkeypatch: pytest.MonkeyPatch, good: int
) -> None:
    right = replace(job, output=job.output + ".right")
    assert run(right).exit_code == 0
    monkeypatch.setenv("WRONG", f"after {good}")
    found_and_done_again(job, Path(right.output).read_bytes().splitlines())


@pytest.mark.parametrize("good", [6, 1000])
@pytest.mark.parametrize("workers", [1, 2])
def test_a_device_that_goes_bad_and_then_kills_its_worker_is_found(
    right: tuple[Job, list[bytes]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    good: int,
    workers: int,
) -> None:
    """The worker in its place is right: only the lines tell."""
    job, lines = right
    monkeypatch.setenv("WRONG", f"after {good}")
    monkeypatch.setenv("CRASH", "1500")
    monkeypatch.setenv("WRONG_MARK", str(tmp_path / "mark"))
    found_and_done_again(replace(job, workers=workers), lines)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_device_that_went_bad_before_the_run_was_killed_is_found_by_the_next_session(
    right: tuple[Job, list[bytes]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    job, lines = right
    job = replace(job, workers=workers)
    monkeypatch.setenv("WRONG", "after 100")
    monkeypatch.setenv("WRONG_MARK", str(tmp_path / "mark"))

    class Stopped(Exception):  # noqa: N818 - as if it were killed there
        pass

    class Killed(LocalBackend):
        answered = 0

        def events(self, timeout_s: float) -> list[Event]:
            events = super().events(timeout_s)
            Killed.answered += sum(len(e.answers) for e in events if isinstance(e, Answered))
            if Killed.answered > 1700:
                raise Stopped
            return events

    with pytest.raises(Stopped):
        run(job, partial(Killed, module="tests.support.wrong_worker"))
    wrong_lines = Path(job.output + ".part").read_bytes().splitlines()
    assert wrong_lines != lines[: len(wrong_lines)]
    found_and_done_again(job, lines)


def test_right_lines_of_a_killed_session_stay(
    right: tuple[Job, list[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    job, lines = right
    unchecked = Path(job.output + ".job/unchecked")

    class Stopped(Exception):  # noqa: N818 - as if it were killed there
        pass

    def stopped(*_: Any) -> None:
        raise Stopped

    with monkeypatch.context() as patch:
        patch.setattr(NightWatch, "after", stopped)
        with pytest.raises(Stopped):
            run(job)
    assert json.loads(unchecked.read_text())[1] < len(lines)
    assert run(job).exit_code == 0
    assert Path(job.output).read_bytes().splitlines() == lines
    assert not unchecked.exists()


def test_what_could_not_be_compared_is_told_in_summary_and_manifest(
    job: Job, images: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "fleeting"
    folder.mkdir()
    for path in images.iterdir():
        (folder / path.name).symlink_to(path)

    class Removed(LocalBackend):
        def events(self, timeout_s: float) -> list[Event]:
            events = super().events(timeout_s)
            if any(isinstance(event, WorkerDied) for event in events):
                shutil.rmtree(folder, ignore_errors=True)
            return events

    assert run(replace(job, sources=(str(folder),)), Removed).exit_code == 0
    told = "the last images that VCPU labelled, from image 0 on, could not be compared with the CPU"
    summary = json.loads(Path(job.output + ".job/summary.json").read_text())
    assert any(told in warning for warning in summary["warnings"])
    text = Path(job.output + ".job/manifest.json").read_text()
    assert json.loads(text[: text.rindex("}") + 1])["settings"]["unchecked"] == [["VCPU", 0, ""]]


@pytest.mark.parametrize("mixed", [False, True])
def test_a_worker_that_rounds_otherwise_is_refused_or_its_seam_is_in_the_manifest(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mixed: bool
) -> None:
    monkeypatch.setenv("WRONG", "after 0")
    monkeypatch.setenv("WRONG_MARK", str(tmp_path / "mark"))
    monkeypatch.setenv("MEET", "2")
    job = replace(job, workers=2, device_check=False, mixed_processors=mixed)
    if not mixed:
        with pytest.raises(StoppedError, match="`--mixed-processors`"):
            run(job, WRONG_WORKERS)
        return
    assert run(job, WRONG_WORKERS).exit_code == 0
    text = Path(job.output + ".job/manifest.json").read_text()
    one, other = json.loads(text[: text.rindex("}") + 1])["settings"]["echoes"]
    assert one["devices"] != other["devices"]
    assert one["index"] == 0
    summary = json.loads(Path(job.output + ".job/summary.json").read_text())
    seam = f"from image {other['index']} on, scores may differ in their last digits"
    assert any(seam in warning for warning in summary["warnings"])
