"""`export-model`, `inspect --probe` and `--activation`: what they write, say and refuse."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from batchcls.cli import export_model, probe
from batchcls.cli.main import main
from batchcls.cli.probe_images import spread
from batchcls.errors import ModelError
from batchcls.job.job import Job
from batchcls.job.threads import Threads
from batchcls.model.infer.classifier import Classifier
from batchcls.report.matching import class_indices
from batchcls.report.truth import Truth
from tests.support import tiny_models as tiny

ONE = Threads(nthreads=1, nstreams="1", nireq=1)
BGR = {"blue": (200, 10, 10), "green": (10, 200, 10), "red": (10, 10, 200)}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """It says class 0 for images that have most in their first channel."""
    return tiny.save(tiny.colour_model(), tmp_path / "m.xml")


@pytest.fixture
def names(tmp_path: Path) -> Path:
    path = tmp_path / "names.txt"
    path.write_text("red, crimson\ngreen\nblue\n")
    return path


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for name, colour in BGR.items():
        folder = tmp_path / "photos" / name
        folder.mkdir(parents=True)
        for number in range(3):
            picture = np.full((12, 16 + number, 3), colour, np.uint8)
            assert cv2.imwrite(str(folder / f"{number}.png"), picture)
    return tmp_path / "photos"


def run(*words: object) -> int:
    return main([str(word) for word in words])


def answers(job: Job) -> list[Any]:
    """What a model says of a few images, by the worker's own code."""
    classifier = Classifier.open(job, ONE)
    images = np.random.default_rng(1).integers(0, 256, (3, 20, 30, 3), np.uint8)
    found = []
    (ring,) = classifier.rings
    for image in images:
        ring.start([0], [classifier.prepare(image)])
        finished = ring.wait(10)
        assert finished is not None
        found.append(classifier.outcome(finished.scores[0]))
    classifier.close()
    return found


OPTIONS: list[dict[str, Any]] = [
    {},
    {"preprocess": "timm"},
    {"reverse_input_channels": True, "resize_type": "fit_to_window_letterbox"},
    {"mean_values": "[1,2,3]", "scale_values": "[4,5,6]", "interpolation": "pillow_lanczos"},
    {"resize_type": "centre_fraction", "activation": "sigmoid"},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_an_exported_model_answers_the_same_without_options(
    model: Path, names: Path, tmp_path: Path, options: dict[str, Any],
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    out = tmp_path / "out.xml"
    typed = probe.flags(options).replace("'", "").split()
    assert run("export-model", model, out, "--labels", names, *typed) == 0
    said = capsys.readouterr().out
    assert str(out) in said
    assert "3 labels" in said
    told = Job(model=str(model), labels=str(names), **options)
    assert answers(Job(model=str(out))) == answers(told)
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "m.bin", "m.xml", "names.txt", "out.bin", "out.xml",
    ]  # fmt: skip


def test_what_is_there_is_kept(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.xml"
    out.write_text("precious")
    assert run("export-model", model, out) == 2
    assert f"{out} exists; use `--force` to overwrite it" in capsys.readouterr().err
    assert out.read_text() == "precious"
    assert run("export-model", model, out, "--force") == 0
    assert answers(Job(model=str(out))) == answers(Job(model=str(model)))


def test_a_model_can_take_its_own_place(model: Path, names: Path) -> None:
    before = answers(Job(model=str(model), labels=str(names), preprocess="tf"))
    assert (
        run("export-model", model, model, "--labels", names, "--preprocess", "tf", "--force") == 0
    )
    assert answers(Job(model=str(model))) == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["export-model"], "missing argument: MODEL"),
        (["export-model", "M"], "missing argument: OUT.xml"),
        (["export-model", "M", "out.onnx"], "out.onnx: expected a name that ends in .xml"),
        (["export-model", "nothing", "o.xml"], "no such model: nothing"),
        (["export-model", "M", "no/o.xml"], "cannot write no/o.xml: No such file or directory"),
        (
            ["export-model", "M", "o.xml", "--activation", "a"],
            "--activation a: expected one of softmax",
        ),
        (
            ["export-model", "M", "o.xml", "--activation", "none"],
            "an IR cannot hold this model's a",
        ),
        (["inspect", "M", "--truth", "a.csv"], "`--truth` needs `--probe DIR`"),
        (["inspect", "M", "--probe", "P", "--images", "0"], "--images 0: must be 1 or more"),
        (
            ["inspect", "M", "--probe", "P", "--truth", "T"],
            "truth file T: no row fits these images",
        ),
        (["inspect", "M", "--probe", "E"], "E: none of the images tried can be read"),
        (["inspect", "M", "--resize-type", "tall"], "--resize-type tall: expected one of standard"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_is_wrong_is_named(
    model: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str], words: list[str], message: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    model.rename("M.xml")
    model.with_suffix(".bin").rename("M.bin")
    photos.rename("P")
    Path("T").write_text("file,label\nelsewhere.png,red\n")
    Path("E").mkdir()
    Path("E/a.png").write_bytes(b"no picture")
    before = sorted(tmp_path.rglob("*"))
    assert main(["M.xml" if word == "M" else word for word in words]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert f"batchcls: error: {message}" in captured.err
    assert sorted(tmp_path.rglob("*")) == before


def test_an_answer_that_would_change_is_noticed() -> None:
    export_model._compare({"labels": ("a",), "height": 1}, {"labels": ("a",), "height": 1})
    with pytest.raises(ModelError, match=r"labels \(\('a',\) would become \('b',\)\)"):
        export_model._compare({"labels": ("a",)}, {"labels": ("b",)})


def test_the_probe_learns_from_folders(
    model: Path, names: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (photos / "red" / "broken.png").write_bytes(b"")
    words = ["inspect", model, "--labels", names, "--probe", photos]
    assert run(*words, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["images"], found["with_truth"], found["unreadable"]) == (9, 9, 1)
    best = found["trials"][0]
    assert best["accuracy"] == 1.0
    assert best["options"]["reverse_input_channels"] is True
    assert min(trial["accuracy"] for trial in found["trials"]) < 0.5
    assert run(*words) == 0
    said = capsys.readouterr().out
    assert "Tried on 9 images; the class of 9 is known; 1 more could not be read" in said
    command = said.splitlines()[-1].strip()
    assert command == found["command"]
    assert command.startswith(f"batchcls run {photos} --model {model} --labels {names} --reverse-")
    # What is pasted is what was tried.
    assert run("inspect", model, *command.replace("'", "").split()[5:], "--json") == 0
    resolved = json.loads(capsys.readouterr().out)["preprocess"]
    assert resolved["resize_type"] == best["options"]["resize_type"]
    assert resolved["reverse_input_channels"] is True


def test_the_probe_without_truth_says_so(
    model: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("inspect", model, "--probe", photos, "-n", 4) == 0
    said = capsys.readouterr().out
    assert "Tried on 4 images\n" in said
    assert "Ranked by how much an answer tells" in said


LABELS = ("background", "tench, Tinca tinca", "crane", "crane", "dog")


@pytest.mark.parametrize(
    ("truths", "expected"),
    [
        ([Truth(None, "tench"), Truth(None, "crane"), None], [1, None, None]),
        ([Truth(None, "cat")], [None]),
        ([Truth(0, "tench"), Truth(2, "crane"), Truth(3, None)], [1, 3, 4]),
        ([Truth(4, None), Truth(5, None)], [4, None]),
        ([Truth(4, "a dog by another name")], [4]),
    ],
)  # fmt: skip
def test_truths_become_indices(truths: list[Truth | None], expected: list[int | None]) -> None:
    assert class_indices(truths, LABELS) == expected


@pytest.mark.parametrize("count", [1, 3, 40, 100, 100_000])
def test_images_are_spread_and_so_is_every_beginning(count: int) -> None:
    found = spread(count, 80)
    assert len({*found}) == len(found) == min(count, 80)
    assert found == spread(count, 80)
    half = sorted(found[: len(found) // 2])
    gaps = [b - a for a, b in zip([0, *half], [*half, count], strict=True)]
    assert max(gaps) <= 1 + 4 * count / max(1, len(half))


@pytest.mark.parametrize(
    ("in_graph", "asked", "expected"),
    [
        (False, None, "softmax"), (False, "sigmoid", "sigmoid"), (False, "none", "none"),
        (True, "softmax", "none"), (True, None, "none"), (True, "sigmoid", "sigmoid"),
    ],
)  # fmt: skip
def test_the_activation_asked_for_wins(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], *, in_graph: bool, asked: str | None,
    expected: str,
) -> None:  # fmt: skip
    path = tiny.save(tiny.colour_model(softmax=in_graph), tmp_path / "m.xml")
    words = [] if asked is None else ["--activation", asked]
    assert run("inspect", path, "--json", *words) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["activation"] == expected
    assert (found["origin"]["activation"] == "the command line") == (asked is not None)


@pytest.mark.real
def test_the_real_models_channels_are_found(
    real_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = real_data / "models/mobilenet_v2_1.0_224_quant.tflite"
    words = ["inspect", path, "--labels", real_data / "models/imagenet_labels.txt", "--probe",
             real_data / "photos", "--truth", real_data / "photos.csv", "-n", 16]  # fmt: skip
    assert run(*words, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["with_truth"] == 16
    ranked = [trial["name"] for trial in found["trials"] if "GB" in trial["name"]]
    assert "BGR" not in ranked[0]
    assert {trial["int8"] for trial in found["trials"]} == {"fast", "exact"}
