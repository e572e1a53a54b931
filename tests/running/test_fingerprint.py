"""Every field of a job: results are gone on with or refused, and it is known which.

A run is cut short, and the same command with one field changed must either be refused with the
difference, or finish the results to the same bytes. A new field in none of the lists fails here.
"""

import shutil
import zlib
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from batchcls.errors import RefusedError
from batchcls.job.job import Job
from batchcls.results import mark as marks
from batchcls.results.rundir import RunPaths
from batchcls.results.storage import PosixStorage
from batchcls.running.run import run
from tests.support.tiny_models import VCPU

pytestmark = pytest.mark.runs

CHANGES_ANSWERS: dict[str, tuple[Any, str]] = {
    "device": (("VCPU",), "device"),
    "top": (2, "top"),
    "with_facts": (("margin",), "with"),
    "labels": ("labels.txt", "labels"),
    "classes": ("classes.txt", "classes"),
    "always": ("classes.txt", "always"),
    "model": ("other.xml", "model"),
    "mean_values": ("[0,0,0]", "mean_values"),
    "scale_values": ("[5,5,5]", "scale_values"),
    "reverse_input_channels": (False, "reverse_input_channels"),
    "resize_type": ("crop", "resize_type"),
    "input_size": ("12x16", "height"),
    "interpolation": ("nearest", "interpolation"),
    "pad_value": ("7", "pad_value"),
    "multilabel": (True, "threshold"),
    "preprocess": ("torchvision", "mean_values"),
    "infer_precision": ("bf16", "precision"),
    "decode": ("reduced", "decode"),
    "raw": (True, "decode.raw"),
    "activation": ("sigmoid", "activation"),
    "score_output": ("0", "score_output"),
    "sources": (("images/a",), "other sources"),
}
"""Another value, and the word that the refusal must hold."""

CHANGES_NOTHING: dict[str, Any] = {
    "names": ("*.png",),  # the list is frozen
    "exclude": ("thumbs",),
    "null_separated": True,
    "follow_links": True,
    "frames": "all",  # the list is frozen
    "nireq": 3,
    "workers": 1,
    "batch_size": 4,
    "decode_threads": 2,
    "plugin": (VCPU,),
    "perf_counts": True,
    "number_iter": 2,
    "hint": "latency",
    "nstreams": "2",
    "nthreads": 2,
    "cache": False,
    "int8": "fast",  # the model has no quantised layers
    "cache_dir": "cache",
    "strict_devices": True,
    "device_check": False,
    "device_agreement": 50.0,
    "strict_preprocess": True,
    "layout": "NCHW",
    "fast_agreement": 99.0,
    "yes": True,
    "progress": "plain",
    "timeout": 30.0,
    "worker_memory": 2000,
    "max_failed": "50%",
    "report": "report.html",
    "on_end": "true",
    "log_level": "debug",
    "debug": True,
}
OF_ANOTHER_KIND = {
    "output": "is where the results are",
    "cluster": "where an image is labelled changes no answer",
    "shard": "is in the manifest; another one is refused",
    "fresh": "forgets them", "extend": "of finished results",
    "follow": "ends where a run of the same images ends", "retry_failed": "of finished results",
    "mixed_processors": "is in the manifest, with the image from which on",
    "fast": "is decided once, in the manifest: tests/running/test_fast.py",
    "fast_plan": "names the run that has decided",
    "embeddings": "gives the same bytes: tests/running/test_kept_rows.py",
    "features": "with `--with embedding` alone: tests/running/test_embeddings.py",
    "crop_fraction": "a number of the resize types that crop; the model's does not",
    "extension": "a library of operations is hashed: tests/running has none",
    "threshold": "of multi-label models; refused with this one",
    "plugins": "a file of plugins; like plugin", "load_config": "a file; hashed",
}  # fmt: skip


def test_every_field_of_a_job_is_in_one_of_the_lists() -> None:
    known = [*CHANGES_ANSWERS, *CHANGES_NOTHING, *OF_ANOTHER_KIND]
    assert sorted(known) == sorted(field.name for field in fields(Job))


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some options name what is written."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def third(model: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Job, bytes]:
    """A job of which a third is done, as a kill leaves it, and the bytes of the whole."""
    folder = tmp_path_factory.mktemp("third")
    for number in range(30):
        path = folder / "images" / "ab"[number % 2] / f"{number:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(path), np.full((20 + number, 30, 3), 8 * number, np.uint8))
    (folder / "images/a/bad.png").write_bytes(b"no image")
    (folder / "labels.txt").write_text("rouge\nvert\nbleu\n")
    (folder / "classes.txt").write_text("red\n2\n")
    (folder / "other.xml").write_text(model.read_text() + "<!-- changed -->")
    shutil.copy(model.with_suffix(".bin"), folder / "other.bin")
    job = Job(
        sources=(str(folder / "images"),), model=str(model), output=str(folder / "results.jsonl"),
        progress="none", plugin=(VCPU,), workers=1,
    )  # fmt: skip
    run(job)
    paths, storage = RunPaths.of(job.output), PosixStorage()
    whole = paths.results.read_bytes()
    part = b"".join(whole.splitlines(keepends=True)[:10])
    found = marks.read(storage, paths.commit)
    assert found is not None
    cut = replace(
        found[0], state="open", size=len(part), count=10, crc32=zlib.crc32(part), failed={}
    )
    paths.results.unlink()
    paths.part.write_bytes(part)
    paths.commit.write_bytes(cut.to_slot())
    return job, whole


def changed(third: tuple[Job, bytes], change: dict[str, Any], folder: Path) -> Job:
    """A copy of what is done so far, and the job with a change."""
    job = third[0]
    paths, here = RunPaths.of(job.output), RunPaths.of(folder / "results.jsonl")
    shutil.copytree(paths.directory, here.directory)
    shutil.copy(paths.part, here.part)
    origin = paths.results.parent
    for key in ("labels", "classes", "always", "model"):
        if key in change:
            change = {key: str(origin / change[key])}
    if "sources" in change:
        change = {"sources": (str(origin / change["sources"][0]),)}
    if "cache_dir" in change:
        change = {**change, "cache_dir": str(folder / "cache")}
    return replace(job, output=str(here.results), **change)


QUICK = {"device", "decode", "scale_values", "sources"}  # test_run has others


@pytest.mark.parametrize(
    "field",
    [pytest.param(f, marks=() if f in QUICK else pytest.mark.faults) for f in CHANGES_ANSWERS],
)
def test_what_changes_answers_is_refused_with_the_difference(
    third: tuple[Job, bytes], field: str, tmp_path: Path
) -> None:
    value, word = CHANGES_ANSWERS[field]
    job = changed(third, {field: value}, tmp_path)
    before = RunPaths.of(job.output).part.read_bytes()
    with pytest.raises(RefusedError, match=word):
        run(job)
    assert RunPaths.of(job.output).part.read_bytes() == before


@pytest.mark.faults
@pytest.mark.parametrize("field", CHANGES_NOTHING)
def test_what_does_not_is_gone_on_with(
    third: tuple[Job, bytes], field: str, tmp_path: Path
) -> None:
    job = changed(third, {field: CHANGES_NOTHING[field]}, tmp_path)
    assert run(job).resumed == 10
    assert Path(job.output).read_bytes() == third[1]


def test_all_that_does_not_together_is_gone_on_with(
    third: tuple[Job, bytes], tmp_path: Path
) -> None:
    job = changed(third, CHANGES_NOTHING, tmp_path)
    assert run(job).resumed == 10
    assert Path(job.output).read_bytes() == third[1]
