"""A model whose answer does not depend on the picture is noticed; others cost nothing."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as ops

from batchcls.job.job import Job
from batchcls.job.threads import Threads
from batchcls.model.infer.classifier import Classifier
from batchcls.model.infer.constancy import Constancy
from tests.support import tiny_models as tiny
from tests.support.program import Program

ONE = Threads(nthreads=1, nstreams="1", nireq=1)
RED, BLUE = tiny.flat_colour((0, 0, 255)), tiny.flat_colour((255, 0, 0))


def floats(*values: float) -> Any:
    return np.array(values, np.float32)


def degenerate(path: Path, *, batch: int = 1) -> Path:
    """A softmax over an axis of one: 1.0 for each of three classes."""
    image = ops.parameter([batch, 3, 8, 8], ov.Type.f32)
    image.output(0).get_tensor().set_names({"image"})
    pooled = ops.reduce_mean(image, np.array([2, 3]), keep_dims=False)
    head = ops.softmax(ops.reshape(pooled, np.array([-1, 1, 1, 3]), special_zero=False), 1)
    head.output(0).get_tensor().set_names({"scores"})
    return tiny.save(ov.Model([head], [image], "degenerate"), path)


def saturated(path: Path) -> Path:
    """Its logits are so far apart that red is 1.0 wherever there is a trace of it."""
    image = ops.parameter([1, 3, 8, 8], ov.Type.f32)
    image.output(0).get_tensor().set_names({"image"})
    pooled = ops.reduce_mean(image, np.array([2, 3]), keep_dims=False)
    scores = ops.softmax(ops.multiply(pooled, np.float32(1000)), 1)
    scores.output(0).get_tensor().set_names({"scores"})
    return tiny.save(ov.Model([scores], [image], "saturated"), path)


def notes(path: Path, *pictures: Any, batch_size: int = 1) -> tuple[str, ...]:
    threads = Threads(nthreads=1, nstreams="1", nireq=1, batch_size=batch_size)
    classifier = Classifier.open(Job(model=str(path)), threads)
    found: tuple[str, ...] = ()
    for picture in pictures:
        classifier.outcome(tiny.raw_scores(classifier, [picture])[0])
        found += classifier.notes()
    classifier.close()
    return found


@pytest.mark.parametrize("batch_size", [1, 2])
def test_one_score_for_all_classes_of_all_pictures_is_told_once(
    tmp_path: Path, batch_size: int
) -> None:
    path = degenerate(tmp_path / "m.xml", batch=batch_size)
    (note,) = notes(path, RED, BLUE, RED, batch_size=batch_size)
    assert "gives every image the same scores (class 0: 1.000000)" in note
    assert notes(path, RED, batch_size=batch_size) == (note,), "the first picture is enough"


def test_pictures_that_are_the_same_say_nothing_about_a_model(tmp_path: Path) -> None:
    assert notes(tiny.save(tiny.colour_model(), tmp_path / "m.xml"), RED, RED, RED) == ()
    assert notes(saturated(tmp_path / "s.xml"), RED, RED) == ()


def test_a_model_that_answers_is_asked_nothing_more() -> None:
    def asked() -> list[Any]:
        raise AssertionError("it was")

    constancy = Constancy(asked, ["a", "b"])
    answers = [floats(0.4, 0.6), floats(0.6, 0.4), floats(0.6, 0.4), floats(0.5, 0.5)]
    assert [constancy.see(answer) for answer in answers] == [""] * 4


@pytest.mark.parametrize(
    ("first", "tests", "told"),
    [
        ([floats(0.5, 0.5)], [floats(0.5, 0.5)], True),
        ([floats(0.5, 0.5)], [floats(0.4, 0.6)], False),
        ([floats(0.2, 0.8), floats(0.2, 0.8)], [floats(0.2, 0.8)] * 4, True),
        ([floats(0.2, 0.8), floats(0.2, 0.8)], [floats(0.2, 0.8)] * 3 + [floats(0.3, 0.7)], False),
        ([floats(0.2, 0.8), floats(0.2, 0.8)], [], False),
        ([floats(0.7)], [floats(0.7)], False),
        ([floats(0.7), floats(0.7)], [floats(0.7)], True),
    ],
)
def test_only_what_is_the_same_everywhere_is_told(
    first: list[Any], tests: list[Any], told: bool
) -> None:
    constancy = Constancy(lambda: tests, ["yes", "no"])
    assert bool([note for answer in first if (note := constancy.see(answer))]) is told


@pytest.mark.runs
def test_a_run_says_so_and_its_summary_keeps_it(tmp_path: Path) -> None:
    images = tmp_path / "images"
    images.mkdir()
    for name, picture in {"red": RED, "blue": BLUE, "more": RED}.items():
        assert cv2.imwrite(str(images / f"{name}.png"), picture)
    program = Program(images, degenerate(tmp_path / "m.xml"), tmp_path / "r.jsonl")
    code, out, err = program.end()
    assert code == 0, err
    told = json.loads(program.paths.summary.read_text())["warnings"]
    assert len([text for text in told if "the same scores" in text]) == 1
    assert "gives every image the same scores" in out + err
