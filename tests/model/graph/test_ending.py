"""Scores that are probabilities already are not made probabilities once more, whatever follows."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as ops
from openvino import opset16

from batchcls.job.job import Job
from batchcls.job.threads import Threads
from batchcls.model.infer.classifier import Classifier
from tests.support import tiny_models as tiny

pytestmark = pytest.mark.runs

ONE = Threads(nthreads=1, nstreams="1", nireq=1)
CLASSES = 3
Tail = Callable[[Any], Any]


def number(value: float) -> Any:
    return ops.constant(np.float32(value))


def quantised_and_back(levels: int, integers: str) -> Tail:
    """ONNX's QuantizeLinear and DequantizeLinear behind the scores, as OpenVINO reads them."""

    def tail(scores: Any) -> Any:
        step = np.float32(1 / (levels - 1))
        edges = [number(edge) for edge in (0.0, 1.0, 0.0, levels - 1.0)]
        steps = ops.convert(ops.fake_quantize(scores, *edges, levels), integers)
        zero = ops.convert(ops.constant(np.array(0, np.uint8)), "f32")
        return ops.multiply(ops.subtract(ops.convert(steps, "f32"), zero), number(float(step)))

    return tail


def parted_and_joined(scores: Any) -> Any:
    parts = ops.split(scores, 1, CLASSES)
    return ops.concat([parts.output(index) for index in range(CLASSES)], 1)


def one_by_one(scores: Any) -> Any:
    picked = [
        ops.gather(scores, np.array([index], np.int64), np.int64(1)) for index in range(CLASSES)
    ]
    return ops.concat(picked, 1)


TAILS: dict[str, Tail] = {
    "nothing": lambda scores: scores,
    "identity": opset16.identity,
    "two identities and shapes": lambda scores: ops.reshape(
        opset16.identity(ops.unsqueeze(opset16.identity(scores), number(2))),
        np.array([1, CLASSES]),
        special_zero=False,
    ),
    "half floats": lambda scores: ops.convert(opset16.identity(ops.convert(scores, "f16")), "f32"),
    "clamp": lambda scores: ops.clamp(scores, 0.0, 1.0),
    "clamp of ONNX's Clip": lambda scores: ops.minimum(
        number(1.0), ops.maximum(number(1e-7), scores)
    ),
    "slice": lambda scores: ops.slice(
        scores, np.array([0]), np.array([CLASSES]), np.array([1]), np.array([1])
    ),
    "split and concat": parted_and_joined,
    "gathers and concat": one_by_one,
    "quantised in 8 bits and back": quantised_and_back(256, "u8"),
    "quantised in 16 bits and back": quantised_and_back(65536, "u16"),
    "percent and back": lambda scores: ops.divide(ops.multiply(scores, number(100)), number(100)),
}
MAKERS: dict[str, Tail] = {
    "Softmax": lambda logits: ops.softmax(logits, 1),
    "Sigmoid": ops.sigmoid,
    "a Softmax taken apart": lambda logits: (
        lambda powers: ops.divide(powers, ops.reduce_sum(powers, np.array([1]), keep_dims=True))
    )(ops.exp(logits)),
}
every_tail = pytest.mark.parametrize("tail", TAILS)


def save(path: Path, *steps: Tail) -> Path:
    """Logits are the channels' means / 32, then what the steps make of them."""
    image = ops.parameter([1, CLASSES, 4, 4], ov.Type.f32)
    image.output(0).get_tensor().set_names({"image"})
    scores = ops.multiply(ops.reduce_mean(image, np.array([2, 3]), keep_dims=False), number(1 / 32))
    for step in steps:
        scores = step(scores)
    scores.output(0).get_tensor().add_names({"scores"})
    return tiny.save(ov.Model([scores], [image], "tail"), path)


def answer(path: Path, **options: Any) -> list[float]:
    """Probabilities of one picture, by class."""
    classifier = Classifier.open(Job(model=str(path), **options), ONE)
    picture = tiny.flat_colour((90, 10, 40), 4, 4)
    found = classifier.probabilities(tiny.raw_scores(classifier, [picture])[0])
    classifier.close()
    return [float(value) for value in found]


@every_tail
@pytest.mark.parametrize("maker", MAKERS)
def test_what_hands_values_on_does_not_hide_an_activation(
    tmp_path: Path, maker: str, tail: str
) -> None:
    path = save(tmp_path / "m.xml", MAKERS[maker], TAILS[tail])
    logits = np.array([90, 10, 40]) / 32
    powers = np.exp(logits)
    right = 1 / (1 + 1 / powers) if maker == "Sigmoid" else powers / powers.sum()
    np.testing.assert_allclose(answer(path), right, atol=0.003)


@pytest.mark.parametrize(
    "tail", [name for name in TAILS if not name.startswith(("clamp", "quantised"))]
)
def test_logits_behind_the_same_operations_are_still_logits(tmp_path: Path, tail: str) -> None:
    path = save(tmp_path / "m.xml", TAILS[tail])
    powers = np.exp(np.array([90, 10, 40]) / 32)
    np.testing.assert_allclose(answer(path), powers / powers.sum(), atol=0.003)


def test_a_temperature_is_no_quantisation(tmp_path: Path) -> None:
    path = save(tmp_path / "m.xml", lambda logits: ops.divide(logits, number(2.0)))
    powers = np.exp(np.array([90, 10, 40]) / 32 / 2)
    np.testing.assert_allclose(answer(path), powers / powers.sum(), atol=1e-5)


def test_heads_that_end_differently_are_not_taken_for_probabilities(tmp_path: Path) -> None:
    path = save(
        tmp_path / "m.xml",
        lambda logits: ops.concat([ops.sigmoid(logits), ops.softmax(logits, 1)], 1),
    )
    assert sum(answer(path)) == pytest.approx(1.0, abs=1e-5)


def test_yes_and_no_of_one_probability_are_probabilities(tmp_path: Path) -> None:
    def yes_and_no(logits: Any) -> Any:
        yes = ops.sigmoid(ops.gather(logits, np.array([2], np.int64), np.int64(1)))
        return ops.concat([ops.subtract(number(1.0), yes), yes], 1)

    path = save(tmp_path / "m.xml", yes_and_no)
    yes = 1 / (1 + np.exp(-40 / 32))
    assert answer(path) == pytest.approx([1 - yes, yes], abs=1e-5)


def test_a_multi_label_model_behind_an_identity_names_only_what_it_is_sure_of(
    tmp_path: Path,
) -> None:
    path = save(
        tmp_path / "m.xml", lambda x: ops.subtract(x, number(1.0)), ops.sigmoid, opset16.identity
    )
    model = ov.Core().read_model(str(path))
    for key, value in {"multilabel": "True", "labels": "a b c"}.items():
        model.set_rt_info(value, ["model_info", key])
    written = tmp_path / "multi.xml"
    ov.save_model(model, str(written), compress_to_fp16=False)
    classifier = Classifier.open(Job(model=str(written)), ONE)
    picture = tiny.flat_colour((90, 10, 40), 4, 4)
    named = classifier.outcome(tiny.raw_scores(classifier, [picture])[0])
    assert [one.label for one in named] == ["a", "c"]
    classifier.close()


@pytest.mark.parametrize("between", [opset16.identity, lambda x: ops.unsqueeze(x, number(2))])
def test_the_best_few_are_taken_off_behind_anything(tmp_path: Path, between: Tail) -> None:
    def best(scores: Any) -> Any:
        found = ops.topk(scores, 2, 1, "max", "value")
        return between(found.output(0))

    path = save(tmp_path / "m.xml", MAKERS["Softmax"], best)
    powers = np.exp(np.array([90, 10, 40]) / 32)
    np.testing.assert_allclose(answer(path), powers / powers.sum(), atol=1e-5)
