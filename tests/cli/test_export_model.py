"""`export-model`: what it writes answers as the original, or is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from batchcls.cli import export_model
from batchcls.cli.main import main
from batchcls.errors import ModelError
from batchcls.job.job import Job
from batchcls.job.threads import Threads
from batchcls.job.typed import flags
from batchcls.model.infer.classifier import Classifier

pytestmark = pytest.mark.runs

ONE = Threads(nthreads=1, nstreams="1", nireq=1)


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
    {"resize_type": "shortest_edge", "crop_fraction": 0.9},
]


@pytest.mark.runs
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_an_exported_model_answers_the_same_without_options(
    model: Path, names: Path, tmp_path: Path, options: dict[str, Any],
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    out = tmp_path / "out.xml"
    typed = flags(options).replace("'", "").split()
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
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_is_wrong_is_named(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str], words: list[str], message: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    model.rename("M.xml")
    model.with_suffix(".bin").rename("M.bin")
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
