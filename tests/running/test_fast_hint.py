"""After a run the summary says by how much `--fast` would be quicker: measured once, then kept."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from batchcls.display.snapshot import Snapshot
from batchcls.images import Folder, ImageRef
from batchcls.job.job import Job
from batchcls.job.threads import Threads
from batchcls.running import fast_hint
from batchcls.running.kept import Kept
from batchcls.wire.start import StartMessage

LONG = Snapshot(elapsed_s=3600.0, rate_mean=100.0)
F32 = {"precision": {"CPU": "f32"}, "int8": "none", "fingerprint": {"m": "1"}, "hardware": {}}
FACTS = {"fingerprint": {"m": "1"}, "hardware": {}}
FOUND = {"costs": {"prepare": 0.001, "first": 0.001, "exact": 0.003}, "images": 15}


class Asked:
    """Images of a run, and how often it was asked for some."""

    def __init__(self, images: Sequence[ImageRef] = ()) -> None:
        self.images = images
        self.times = 0

    def __call__(self, most: int, share: int) -> Sequence[ImageRef]:
        self.times += 1
        return self.images[:most]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def words(
    job: Job, log: Path, description: dict[str, Any] = F32, shot: Snapshot = LONG,
    sample: Asked | None = None,
) -> str:  # fmt: skip
    start = StartMessage(job, Threads(1, "1", nireq=1))
    return fast_hint.words(
        start, description, shot, 2, sample or Asked(), log / "log", lambda: None
    )


def test_what_is_kept_is_said_with_the_line_to_type(tmp_path: Path) -> None:
    Kept("faster", FACTS, used=True).keep(FOUND)
    job = Job(sources=("my photos",), model="m.xml", output="out/r.jsonl", fresh=True)
    sample = Asked()
    said = words(replace(job, progress="none"), tmp_path, sample=sample)
    assert "about 1.7 times as fast here (bf16, measured on 15 of these images)" in said
    line = "batchcls run 'my photos' --model m.xml --output out/r-fast.jsonl"
    assert said.endswith(f"{line} --progress none --fast")
    assert not sample.times, "nothing is measured again"


@pytest.mark.parametrize(
    ("job", "description"),
    [
        (Job(sources=("x",), fast=True), F32),
        (Job(sources=("x",)), {**F32, "precision": {"CPU": "bf16"}}),
        (Job(sources=("x",)), {**F32, "int8": "exact"}),
        (Job(sources=("x",), device=("GPU",)), F32),
        (Job(sources=("x",), cluster=("ssh a",)), F32),
    ],
)
def test_nothing_is_said_where_it_would_be_wrong(
    tmp_path: Path, job: Job, description: dict[str, Any]
) -> None:
    Kept("faster", FACTS, used=True).keep(FOUND)
    assert not words(job, tmp_path, description)


@pytest.mark.parametrize("costs", [{}, {"prepare": 0.01, "first": 0.001, "exact": 0.002}])
def test_nor_where_it_does_not_pay(tmp_path: Path, costs: dict[str, float]) -> None:
    Kept("faster", FACTS, used=True).keep({"costs": costs, "images": 3})
    assert not words(Job(sources=("x",)), tmp_path)


@pytest.mark.parametrize(
    ("progress", "shot"),
    [
        ("none", LONG),
        ("json", LONG),
        ("plain", replace(LONG, elapsed_s=50.0)),
        ("plain", replace(LONG, rate_mean=0.01)),
    ],
)
def test_nothing_is_measured_for_programs_nor_after_a_short_run(
    tmp_path: Path, progress: str, shot: Snapshot
) -> None:
    sample = Asked()
    assert not words(Job(sources=("x",), progress=progress), tmp_path, shot=shot, sample=sample)
    assert not sample.times


@pytest.mark.runs
def test_it_is_measured_once(job: Job, images: Path, tmp_path: Path) -> None:
    good = sorted(images.rglob("[0-9]*.png"))
    refs = [
        ImageRef(n, str(path.relative_to(images)), Folder(str(images)))
        for n, path in enumerate(good)
    ]
    sample = Asked(refs)
    for _ in range(2):
        words(replace(job, progress="plain"), tmp_path, sample=sample)
    assert sample.times == 1
    found = Kept("faster", FACTS, used=True).find()
    if not found["images"]:
        pytest.skip("this processor has no bf16")
    assert found["images"] == min(len(refs), fast_hint.IMAGES) - 1
    assert min(found["costs"].values()) > 0
