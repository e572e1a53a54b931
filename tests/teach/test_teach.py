"""The whole of `batchcls teach`, on a small network and colours that it tells apart."""

import json
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as ops

from batchcls.backends.local import LocalBackend
from batchcls.job.job import Job
from batchcls.running.run import run as run_job
from batchcls.teach.teach import teach as make
from tests.support.marked_worker import mark
from tests.support.network import Watch
from tests.support.tiny_models import save

pytest.importorskip("sklearn")
pytestmark = pytest.mark.runs

COLOURS = {"blue": (200, 60, 60), "green": (60, 200, 60), "red": (60, 60, 200)}
INFO = {"model_type": "Classification", "labels": "a b c d", "resize_type": "standard"}


def backbone(path: Path, *, info: Mapping[str, str] = INFO, width: int = 6) -> Path:
    """Mean colours by convolutions, and a layer of four classes."""
    rng = np.random.default_rng(1)
    image = ops.parameter([1, 3, 16, 16], ov.Type.f32, name="image")
    image.output(0).get_tensor().set_names({"image"})
    kernel = rng.normal(scale=0.02, size=(width, 3, 3, 3)).astype(np.float32)
    conv = ops.convolution(image, kernel, [1, 1], [1, 1], [1, 1], [1, 1])
    pooled = ops.reduce_mean(ops.relu(conv), np.array([2, 3]), keep_dims=False)
    layer = ops.matmul(pooled, rng.normal(size=(4, width)).astype(np.float32), False, True)
    scores = ops.softmax(layer, 1)
    scores.output(0).get_tensor().set_names({"scores"})
    return save(ov.Model([scores], [image], "colours"), path, info)


def paint(path: Path, colour: tuple[int, int, int], seed: int) -> None:
    noise = np.random.default_rng(seed).integers(-55, 55, (20, 20, 3))
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), (np.array(colour) + noise).clip(0, 255).astype(np.uint8))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a model and with examples."""
    backbone(tmp_path / "m.xml")
    for number, (name, colour) in enumerate(COLOURS.items()):
        for n in range(12):
            paint(tmp_path / "ex" / name / f"{n}.png", colour, 100 * number + n)
    return tmp_path


def run(place: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "batchcls", *words]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=120, cwd=place, check=False
    )


def teach(place: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return run(place, "teach", *words, "--model", "m.xml")


def lines(place: Path, name: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in (place / name).read_text().splitlines()]


def test_examples_become_one_model_that_a_run_takes(place: Path) -> None:
    (place / "ex" / "red" / "broken.png").write_bytes(b"no picture")
    done = teach(place, "ex", "-o", "mine.xml", "--json")
    assert done.returncode == 0, done.stderr
    assert "left out: red/broken.png: " in done.stderr
    found = json.loads(done.stdout)
    assert found["overall"]["examples"] == 36
    assert sorted(found["classes"]) == ["blue", "green", "red"]
    (place / "ex" / "red" / "broken.png").unlink()
    for options in ((), ("--infer-precision", "bf16"), ("--batch-size", "4")):
        again = run(place, "run", "ex", "--model", "mine.xml", "--fresh", *options)
        assert again.returncode == 0, again.stderr
        right = [one["top"][0]["label"] in one["path"] for one in lines(place, "results.jsonl")]  # type: ignore[index,operator]
        assert len(right) == 36
        assert sum(right) >= 34
    told = ov.Core().read_model(place / "mine.xml").get_rt_info(["batchcls", "taught"])
    taught = json.loads(told.astype(str))
    assert taught["examples"] == {"blue": 12, "green": 12, "red": 12}
    assert taught["estimate"]["overall"]["right"] == found["overall"]["right"]
    assert {*taught} >= {"C", "temperature", "examples_sha256", "batchcls"}
    assert not [*place.glob(".mine*")]


def test_the_same_examples_give_the_same_bytes_wherever_they_are(place: Path) -> None:
    assert teach(place, "ex", "-o", "mine.xml").returncode == 0
    (place / "ex").rename(place / "moved")
    (place / "moved" / "blue").rename(place / "moved" / "x")
    rows = [f"moved/{one.parent.name}/{one.name}" for one in sorted(place.glob("moved/*/*"))]
    names = [one.split("/")[1].replace("x", "blue") for one in rows]
    table = "".join(f"{row},{name}\n" for row, name in zip(rows, names, strict=True))
    (place / "t.csv").write_text(table)
    (place / "other").mkdir()
    assert teach(place, "t.csv", "-o", "other/mine.xml").returncode == 0
    for name in ("mine.xml", "mine.bin"):
        assert (place / name).read_bytes() == (place / "other" / name).read_bytes()


def test_nothing_is_overwritten_unasked_and_nothing_half_written(place: Path) -> None:
    (place / "mine.bin").write_bytes(b"of another model")
    done = teach(place, "ex", "-o", "mine.xml")
    assert done.returncode == 2
    assert "mine.bin exists; use `--force` to overwrite it" in done.stderr
    done = teach(place, "ex", "-o", "nowhere/mine.xml")
    assert done.returncode == 2
    assert "nowhere is not a directory" in done.stderr
    backbone(place / "m.xml", width=4000)  # larger than what a worker needs
    limit = f"ulimit -f 400; exec {sys.executable} -m batchcls teach ex -o full.xml --model m.xml"
    full = subprocess.run(
        ["bash", "-c", f"trap '' XFSZ; {limit}"], cwd=place, capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip
    assert full.returncode == 2, full.stderr
    assert "cannot write" in full.stderr
    assert "Traceback" not in full.stderr
    assert not [*place.glob("full*"), *place.glob(".full*")]


@pytest.mark.parametrize("how", ["exit", "hang"])
def test_a_picture_that_kills_or_hangs_its_decoder_is_left_out(place: Path, how: str) -> None:
    bad = place / "ex" / "red" / "3.png"
    bad.write_bytes(bad.read_bytes() + mark(how))
    job = Job(model=str(place / "m.xml"), sources=(str(place / "ex"),), workers=2, timeout=2)
    backend = partial(LocalBackend, module="tests.support.marked_worker")
    told: list[str] = []
    known = make(job, place / "mine.xml", tell=told.append, run=lambda job: run_job(job, backend))
    assert known.overall.examples == 35
    assert known.classes["red"].examples == 11
    (words,) = [one for one in told if one.startswith("left out")]
    assert words.startswith("left out: red/3.png: ")
    assert (place / "mine.xml").exists()


def test_members_of_an_archive_are_examples(place: Path) -> None:
    with zipfile.ZipFile(place / "ex.zip", "w") as file:
        for path in sorted((place / "ex").glob("*/*")):
            file.write(path, path.relative_to(place / "ex"))
        file.writestr("red/broken.png", b"no picture")
    done = teach(place, "ex.zip", "-o", "mine.xml")
    assert done.returncode == 0, done.stderr
    assert "left out: ex.zip//red/broken.png: " in done.stderr
    assert teach(place, "ex", "-o", "plain.xml").returncode == 0
    assert (place / "mine.bin").read_bytes() == (place / "plain.bin").read_bytes()
    assert (place / "mine.xml").read_bytes() == (place / "plain.xml").read_bytes()


def test_features_beyond_16_bits_are_refused(place: Path) -> None:
    model = ov.Core().read_model(place / "m.xml")
    (conv,) = [op for op in model.get_ops() if op.get_type_name() == "Convolution"]
    kernel = conv.input_value(1)
    conv.input(1).replace_source_output(ops.multiply(kernel, np.float32(1e5)).output(0))
    save(model, place / "large.xml", INFO)
    done = run(place, "teach", "ex", "-o", "mine.xml", "--model", "large.xml")
    assert done.returncode == 2, done.stderr
    assert "features go beyond numbers of 16 bits" in done.stderr
    assert not [*place.glob("mine*")]


def test_ctrl_c_leaves_nothing(place: Path) -> None:
    words = ("teach", "ex", "-o", "mine.xml", "--model", "m.xml")
    process = subprocess.Popen(
        [sys.executable, "-m", "batchcls", *words], cwd=place, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    assert process.stderr.readline() == "looking at 36 images\n"
    while not (place / ".mine.xml.new" / "new" / "examples.jsonl.job").exists():
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == -signal.SIGINT
    assert "resume" not in said
    assert not [*place.glob("mine*"), *place.glob(".mine*")]


def test_what_a_killed_one_left_is_taken_over(place: Path) -> None:
    left = place / ".mine.xml.new" / "new"
    left.mkdir(parents=True)
    (left / "mine.xml").write_bytes(b"half")
    assert teach(place, "ex", "-o", "mine.xml").returncode == 0
    assert not left.parent.exists()


def test_a_picture_of_two_classes_is_of_none(place: Path) -> None:
    (place / "ex" / "red" / "copy.png").write_bytes((place / "ex/blue/3.png").read_bytes())
    done = teach(place, "ex", "-o", "mine.xml", "--json")
    assert done.returncode == 0, done.stderr
    assert ": the same picture is in blue, red" in done.stderr
    assert json.loads(done.stdout)["overall"]["examples"] == 35


def test_corrections_of_a_review_teach_a_new_class(place: Path) -> None:
    for n in range(12):
        paint(place / "new" / f"{n}.png", (60, 200, 200), 900 + n)
    assert teach(place, "ex", "-o", "mine.xml").returncode == 0
    words = ("run", "new", "ex/red", "--model", "mine.xml", "-o", "r.jsonl")
    assert run(place, *words).returncode == 0
    file = place / "r.jsonl.job" / "corrections.jsonl"
    said = [
        {"i": one["i"], "path": one["path"], "label": "yellow"}
        for one in lines(place, "r.jsonl")
        if str(one["path"]).startswith("new/")
    ]
    file.write_text("".join(json.dumps(one) + "\n" for one in [*said, {**said[0], "label": ""}]))
    done = teach(place, "ex", "--corrections", str(file), "-o", "two.xml", "--json")
    assert done.returncode == 0, done.stderr
    assert "1 correction of " in done.stderr
    assert json.loads(done.stdout)["classes"]["yellow"]["examples"] == 11
    assert run(place, "run", "new", "--model", "two.xml", "-o", "s.jsonl").returncode == 0
    best = [one["top"][0]["label"] for one in lines(place, "s.jsonl")]  # type: ignore[index]
    assert best.count("yellow") >= 11


def test_teaching_asks_nothing_of_the_network(place: Path) -> None:
    watch = Watch(place)
    words = ["teach", str(place / "ex"), "-o", "mine.xml", "--model", str(place / "m.xml")]
    seen = watch.run([sys.executable, "-m", "batchcls", *words], place, timeout=160)
    assert seen.done.returncode == 0, seen.done.stderr
    assert seen.calls == []
    assert [*watch.home.iterdir()] == []
