"""Whole runs with real processes and a real model: every image its line, whatever the settings."""

import csv
import errno
import fcntl
import hashlib
import json
import math
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import batchcls
from batchcls.decode.decode import decode
from batchcls.errors import (
    DeviceError,
    LabelsError,
    ModelError,
    RefusedError,
    SourceError,
    UsageError,
)
from batchcls.job.job import Job
from batchcls.model.preprocess.perceptual_hash import perceptual_hash
from batchcls.results import manifest as manifests
from batchcls.results import mark as marks
from batchcls.results.rundir import RunPaths
from batchcls.results.storage import PosixStorage
from batchcls.running.run import run
from tests.support.bad_images import BAD
from tests.support.inline_backend import InlineBackend
from tests.support.tiny_models import colour_model, save

pytestmark = pytest.mark.runs


def records(job: Job) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(job.output).read_bytes().splitlines()]


def check_all(job: Job, images: Path) -> None:
    found = records(job)
    listed = sorted(
        str(p.relative_to(images)).encode() for p in images.rglob("*") if not p.is_dir()
    )
    assert [r["path"].encode() for r in found] == listed
    for index, r in enumerate(found):
        assert r["i"] == index
        if r["path"] in BAD:
            assert r["error"]["kind"] == BAD[r["path"]]
        else:
            assert r["path"].endswith(f"-{r['top'][0]['label']}.png")
            assert sum(c["score"] for c in r["top"]) == pytest.approx(1, abs=1e-5)


def test_every_image_gets_its_line(job: Job, images: Path) -> None:
    result = batchcls.run(job)
    check_all(job, images)
    assert (result.images, result.ok, result.failed) == (53, 48, 5)
    assert result.failed_by_kind == dict.fromkeys(BAD.values(), 1)
    assert result.exit_code == 0
    paths = RunPaths.of(job.output)
    assert not paths.part.exists()
    assert json.loads(paths.progress.read_text())["state"] == "done"
    assert json.loads(paths.summary.read_text())["ok"] == 48
    assert sorted(p.name for p in Path(job.output).parent.iterdir()) == [
        "images", "results.jsonl", "results.jsonl.job",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        {"workers": 1},
        {"workers": 3, "nireq": 1},
        {"nireq": 4, "decode_threads": 2},
        {"batch_size": 4},
        {"batch_size": 8, "nireq": 2, "workers": 1},
        {"device": ("VCPU", "CPU")},
        {"device": ("HETERO:VCPU,CPU",)},
        {"device": ("HETERO:GPU,CPU",), "nireq": 4},
        {"nstreams": "2", "nthreads": 2, "workers": 1},
        {"number_iter": 3},
    ],
    ids=str,
)
def test_settings_that_do_not_change_answers_give_the_same_bytes(
    job: Job, change: dict[str, Any], tmp_path: Path
) -> None:
    run(replace(job, workers=1))
    other = replace(job, output=str(tmp_path / "other.jsonl"), **change)
    run(other)
    assert Path(other.output).read_bytes() == Path(job.output).read_bytes()


def test_the_inline_backend_gives_the_same_bytes(job: Job, tmp_path: Path) -> None:
    run(job)
    other = replace(job, output=str(tmp_path / "other.jsonl"))
    run(other, InlineBackend)
    assert Path(other.output).read_bytes() == Path(job.output).read_bytes()


def test_two_devices_both_work(job: Job) -> None:
    run(replace(job, device=("VCPU", "CPU"), nireq=1))
    summary = json.loads(RunPaths.of(job.output).summary.read_text())
    images = {row["device"]: row["images"] for row in summary["devices"]}
    assert images.keys() == {"VCPU", "CPU"}
    assert all(count >= 10 for count in images.values())


def test_per_layer_counters_are_totalled_over_workers(job: Job) -> None:
    run(replace(job, perf_counts=True))
    with RunPaths.of(job.output).perf_counts.open() as file:
        rows = list(csv.DictReader(file))
    assert any(row["type"] == "Convolution" for row in rows)
    convolution = next(row for row in rows if row["type"] == "Convolution")
    assert int(convolution["count"]) == 48


# ---- again


def test_the_same_command_again_is_complete_at_once(job: Job) -> None:
    run(job)
    before = Path(job.output).read_bytes(), Path(job.output).stat().st_mtime_ns
    result = run(replace(job, workers=1, nireq=3, progress="none"))
    assert (result.images, result.failed, result.resumed) == (53, 5, 53)
    assert (Path(job.output).read_bytes(), Path(job.output).stat().st_mtime_ns) == before


def test_an_unfinished_run_goes_on_to_the_same_bytes(job: Job, tmp_path: Path) -> None:
    run(job)
    whole = Path(job.output).read_bytes()
    again = replace(job, output=str(tmp_path / "again.jsonl"))
    run(again)
    paths = RunPaths.of(again.output)
    # As a crash would leave it: a part with a torn line, and no mark of what was synced.
    paths.results.unlink()
    paths.part.write_bytes(whole[: len(whole) // 2])
    paths.commit.unlink()
    with pytest.raises(RefusedError, match="holds results"):
        run(again)  # without a mark, lines are nobody's
    paths.part.unlink()
    result = run(again)
    assert Path(again.output).read_bytes() == whole
    assert result.images == 53


def test_a_letter_changed_behind_the_mark_is_noticed(job: Job, tmp_path: Path) -> None:
    run(job)
    whole = Path(job.output).read_bytes()
    paths, storage = RunPaths.of(job.output), PosixStorage()
    manifest = manifests.load(storage, paths.manifest)
    assert manifest is not None
    # As if power had failed before the mark reached the disk.
    marks.create(storage, paths.commit, manifest.run)
    lines = whole.splitlines(keepends=True)
    changed = 20
    assert b'"label":"green"' in lines[changed]
    lines[changed] = lines[changed].replace(b'"label":"green"', b'"label":"greet"')
    paths.results.unlink()
    paths.part.write_bytes(b"".join(lines))
    assert run(job).resumed == changed
    assert paths.results.read_bytes() == whole


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"top": 2}, "top"),
        ({"mean_values": "[0,0,0]"}, "mean_values"),
        ({"reverse_input_channels": False}, "reverse_input_channels"),
        ({"resize_type": "crop"}, "resize_type"),
        ({"interpolation": "nearest"}, "interpolation"),
        ({"infer_precision": "bf16"}, "precision"),
    ],
)
def test_results_of_a_job_with_other_answers_are_refused_key_by_key(
    job: Job, change: dict[str, Any], key: str
) -> None:
    run(job)
    before = Path(job.output).read_bytes()
    with pytest.raises(RefusedError, match=key):
        run(replace(job, **change))
    assert Path(job.output).read_bytes() == before


def test_results_of_another_model_or_labels_are_refused(
    job: Job, model: Path, tmp_path: Path
) -> None:
    run(job)
    labels = tmp_path / "labels.txt"
    labels.write_text("rouge\nvert\nbleu\n")
    with pytest.raises(RefusedError, match="labels"):
        run(replace(job, labels=str(labels)))
    other = tmp_path / "model.xml"
    other.write_text(model.read_text() + "<!-- changed -->")
    other.with_suffix(".bin").write_bytes(model.with_suffix(".bin").read_bytes())
    with pytest.raises(RefusedError, match="model"):
        run(replace(job, model=str(other)))


def test_results_of_other_sources_are_refused(job: Job, images: Path) -> None:
    run(job)
    with pytest.raises(RefusedError, match="other sources"):
        run(replace(job, sources=(str(images / "a"),)))


def test_a_file_that_is_not_a_runs_is_never_replaced(job: Job) -> None:
    Path(job.output).write_text("precious\n")
    for fresh in (False, True):
        with pytest.raises(RefusedError, match="move it away"):
            run(replace(job, fresh=fresh))
    assert Path(job.output).read_text() == "precious\n"


def test_fresh_starts_over(job: Job, images: Path) -> None:
    run(job)
    (images / "bad/empty.png").unlink()
    result = run(replace(job, fresh=True))
    assert result.images == 52
    assert result.resumed == 0


def test_removed_results_are_made_again(job: Job, images: Path) -> None:
    run(job)
    before = Path(job.output).read_bytes()
    Path(job.output).unlink()
    with pytest.raises(UsageError, match="there are no complete results"):
        run(replace(job, retry_failed=True))
    assert run(job).resumed == 0
    assert Path(job.output).read_bytes() == before


def test_retry_failed_redoes_them_and_nothing_else(job: Job, images: Path) -> None:
    run(job)
    before = records(job)
    good = (images / "a/01-green.png").read_bytes()
    (images / "bad/truncated.png").write_bytes(good)
    result = run(replace(job, retry_failed=True))
    after = records(job)
    assert result.failed == 4
    assert len(after) == len(before)
    changed = [a["path"] for a, b in zip(after, before, strict=True) if a != b]
    assert changed == ["bad/truncated.png"]
    assert run(job).failed == 4  # the same command again: complete


def test_extend_adds_what_is_new_behind_what_is_there(job: Job, images: Path) -> None:
    run(job)
    before = Path(job.output).read_bytes()
    (images / "a/00-green.png").write_bytes((images / "a/01-green.png").read_bytes())
    assert run(job).images == 53  # a finished run does not look again
    result = run(replace(job, extend=True))
    assert result.images == 54
    after = Path(job.output).read_bytes()
    assert after.startswith(before)
    assert records(job)[-1]["path"] == "a/00-green.png"
    assert run(replace(job, extend=True)).images == 54


@pytest.mark.parametrize("reason", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_told_to_the_user(
    job: Job, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], reason: int
) -> None:
    def flock(descriptor: int, operation: int) -> None:
        raise OSError(reason, os.strerror(reason))

    monkeypatch.setattr(fcntl, "flock", flock)
    assert run(replace(job, progress="plain")).images == 53
    told = f"the file system of {job.output} has no locks"
    shown = capfd.readouterr()
    assert f"batchcls: warning: {told}" in shown.err
    assert told in " ".join(shown.out.split()), "in the summary too"
    paths = RunPaths.of(job.output)
    for file in (paths.progress, paths.summary):
        (warning,) = json.loads(file.read_text())["warnings"]
        assert warning.startswith(told)


# ---- what is wrong with the job is said at once


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"sources": ("nowhere",)}, SourceError, "nowhere"),
        ({"names": ("*.xyz",)}, SourceError, "no images found"),
        ({"model": "missing.xml"}, ModelError, "missing.xml"),
        ({"device": ("XPU",)}, DeviceError, "XPU"),
        ({"device": ("MYRIAD",)}, DeviceError, "MYRIAD"),
        ({"device": ("HETERO:GPU,CPU",), "strict_devices": True}, DeviceError, "GPU"),
        ({"labels": "missing.txt"}, LabelsError, "missing.txt"),
        ({"extend": True}, UsageError, "there are no complete results"),
        ({"output": "missing/folder/results.jsonl"}, RefusedError, "missing/folder"),
        ({"output": "/proc/results.jsonl"}, RefusedError, "/proc"),
    ],
)
def test_a_wrong_job_is_refused_before_anything_is_written(
    job: Job, change: dict[str, Any], error: type[Exception], words: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=words) as caught:
        run(replace(job, **change))
    assert getattr(caught.value, "exit_code") == 2  # noqa: B009 - only our errors have one
    assert not Path(job.output).exists()
    assert not RunPaths.of(job.output).part.exists()


@pytest.mark.parametrize("change", [{"device": ("XPU",)}, {"top": 2}])
def test_a_refused_job_is_not_told_to_go_on(
    job: Job, change: dict[str, Any], capfd: pytest.CaptureFixture[str]
) -> None:
    if "top" in change:
        run(job)  # so that it is refused after the model is loaded
    with pytest.raises((DeviceError, RefusedError)):
        run(replace(job, progress="plain", **change))
    assert capfd.readouterr().out == ""


def test_a_corrupt_model_is_refused(job: Job, tmp_path: Path) -> None:
    bad = tmp_path / "bad.onnx"
    bad.write_bytes(b"this is no model")
    with pytest.raises(ModelError, match=r"bad\.onnx"):
        run(replace(job, model=str(bad)))


def test_labels_that_do_not_match_the_model_are_refused(job: Job, tmp_path: Path) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_text("one\ntwo\nthree\nfour\nfive\n")
    with pytest.raises(LabelsError, match="5"):
        run(replace(job, labels=str(labels)))


@pytest.mark.parametrize(("allowed", "code"), [("4", 3), ("5", 0), ("9%", 3), ("10%", 0)])
def test_more_failures_than_allowed_give_exit_code_3(job: Job, allowed: str, code: int) -> None:
    assert run(replace(job, max_failed=allowed)).exit_code == code
    assert run(replace(job, max_failed=allowed)).exit_code == code  # complete already


def test_records_say_what_is_asked_for_besides(job: Job, images: Path) -> None:
    run(replace(job, with_facts=("sha256,margin", "height,width", "gps,entropy", "phash")))
    for r in records(job):
        if r["error"]["kind"]:
            continue
        assert list(r)[2:] == [
            "top", "error", "margin", "entropy", "width", "height", "sha256", "phash", "gps",
        ]  # fmt: skip
        assert r["gps"] == ""
        data = (images / r["path"]).read_bytes()
        assert r["sha256"] == hashlib.sha256(data).hexdigest()
        assert r["phash"] == perceptual_hash(decode(data))
        assert r["width"] == 30
        assert r["height"] == 9 + int(Path(r["path"]).name[:2])
        first, second, third = (c["score"] for c in r["top"])
        assert r["margin"] == pytest.approx(first - second, abs=2e-6)
        entropy = -sum(p * math.log(p) for p in (first, second, third) if p)
        assert r["entropy"] == pytest.approx(entropy, abs=1e-4)
    with pytest.raises(RefusedError, match="with"):
        run(job)
    with pytest.raises(UsageError, match="--with colour"):
        run(replace(job, with_facts=("colour",)))


def test_a_multi_label_image_may_have_no_class(job: Job, tmp_path: Path) -> None:
    info = {"labels": "red green blue", "multilabel": "True", "mean_values": "255 255 255"}
    model = save(colour_model(16, sigmoid=True), tmp_path / "multi.xml", info)
    result = run(replace(job, model=str(model)))
    assert result.failed == 5
    assert any(r.get("top") == [] for r in records(job))


@pytest.mark.parametrize("workers", [1, 2])
def test_cold_warm_and_uncached_starts_write_the_same(
    job: Job, tmp_path: Path, workers: int
) -> None:
    found = []
    for number, cached in enumerate((True, True, False)):
        one = replace(
            job, cache=cached, cache_dir=str(tmp_path / "cache"), workers=workers,
            output=str(tmp_path / f"{number}.jsonl"),
        )  # fmt: skip
        run(one)
        found.append(Path(one.output).read_bytes())
    assert found[0] == found[1] == found[2]
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_even_the_shortest_run_keeps_what_it_compiled(job: Job, tmp_path: Path) -> None:
    (tmp_path / "images" / "bad" / "pipe.jpg").unlink()
    source = str(tmp_path / "images" / "bad" / "empty.png")
    run(replace(job, sources=(source,), cache_dir=str(tmp_path / "cache"), workers=1))
    (kept,) = (tmp_path / "cache").iterdir()
    assert kept.suffix == ".compiled"
