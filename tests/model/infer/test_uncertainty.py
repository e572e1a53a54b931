"""How sure a model is: measured on probabilities, by the model's kind and never by their sum."""

import math
from pathlib import Path

import numpy as np
import openvino as ov
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from batchcls.job.job import Job
from batchcls.job.threads import Threads
from batchcls.model.graph.activation import Activation, decide
from batchcls.model.infer.classifier import Classifier
from batchcls.model.infer.uncertainty import kept, lead, uncertainty
from tests.support import tiny_models as tiny

pytestmark = pytest.mark.runs

BOTH = ("margin", "entropy")


def floats(*values: float) -> NDArray[np.float32]:
    return np.array(values, np.float32)


@pytest.mark.parametrize(
    ("values", "margin", "entropy"),
    [
        ((0.25, 0.25, 0.25, 0.25), 0.0, np.log(4)),
        ((0.0, 1.0, 0.0), 1.0, 0.0),
        ((0.5, 0.5, 0.0), 0.0, np.log(2)),
        ((0.4, 0.4), 0.0, np.log(2)),  # a quantised softmax, whose small values are lost
        ((0.0, 0.0, 0.0, 0.0), 0.0, np.log(4)),  # all of them lost: nothing is known
        ((0.7,), 0.7, 0.0),
    ],
)
def test_classes_that_exclude_each_other(
    values: tuple[float, ...], margin: float, entropy: float
) -> None:
    found = uncertainty(floats(*values), BOTH)
    assert found == {"margin": pytest.approx(margin), "entropy": pytest.approx(entropy, abs=1e-9)}


def test_independent_classes_even_where_they_add_up_to_one() -> None:
    found = uncertainty(floats(0.5, 0.5), ["entropy"], independent=True)
    assert found == {"entropy": pytest.approx(np.log(2))}
    certain = uncertainty(floats(1.0, 0.0), ["entropy"], independent=True)["entropy"]
    assert certain == pytest.approx(0.0, abs=1e-9)


def test_nothing_asked_is_nothing_computed() -> None:
    assert uncertainty(floats(0.5, 0.5), []) == {}


@pytest.mark.parametrize(
    ("activation", "raw", "gap"),
    [
        (Activation("softmax"), (3.0, 0.0, 2.5), 0.5),
        (Activation("none", graph="Softmax"), (0.2, 0.5, 0.25), math.log(2)),
        # Half a step of the quantisation either way may have been lost.
        (Activation("none", 1 / 256, 0.0, "Softmax"), (100, 80, 0), math.log(99.5 / 80.5)),
        (Activation("none", 1 / 256, 0.0, "Softmax"), (255, 0, 0), math.log(254.5 / 0.5)),
        (Activation("none", 1 / 256, 0.0, "Softmax"), (1, 0, 0), 0.0),
        (Activation("softmax", 0.2, 7.0), (20, 17, 7), 0.4),
        (Activation("sigmoid"), (3.0, -4.0, 2.5), 0.5),
        (Activation("none", graph="Sigmoid"), (1.0, 1.0, 0.5), 0.0),  # nothing to tell them by
        (Activation("none"), (-3.0, -2.5, -9.0), 0.5),
        (Activation("none", graph="LogSoftmax"), (-0.5, -1.0, -3.0), 0.5),
        (Activation("softmax"), (7.0,), math.inf),
    ],
)
def test_by_how_much_the_best_class_is_ahead(
    activation: Activation, raw: tuple[float, ...], gap: float
) -> None:
    found = activation.apply(floats(*raw))
    low, high = activation.logits(found, -0.5), activation.logits(found, 0.5)
    assert lead(low, high) == pytest.approx(gap, rel=1e-4, abs=1e-6)


def test_of_a_multi_label_model_the_class_nearest_to_the_threshold_counts() -> None:
    sigmoid = Activation("sigmoid")
    logits = sigmoid.logits(sigmoid.apply(floats(3.0, 2.9, -0.5, -6.0)))
    assert lead(logits, logits, 0.0) == pytest.approx(0.5, abs=1e-6)
    assert lead(logits - 0.25, logits + 0.25, 0.0) == pytest.approx(0.25, abs=1e-6)
    assert lead(logits[:1], logits[:1], 1.0) == pytest.approx(2.0, abs=1e-6)


@pytest.mark.parametrize("forced", [None, "none", "softmax"])
def test_probabilities_stay_probabilities_whatever_the_command_line_says(
    forced: str | None,
) -> None:
    activation, _ = decide(tiny.colour_model(softmax=True), 0, None, forced)
    logits = activation.logits(activation.apply(floats(0.2, 0.5, 0.25)))
    assert lead(logits, logits) == pytest.approx(math.log(2))


@pytest.mark.parametrize(
    ("model", "info", "independent", "gap"),
    [
        (tiny.colour_model(softmax=True), {}, False, 1.0),
        (tiny.colour_model(), {}, False, 1.0),
        (tiny.colour_model(sigmoid=True), {}, True, 1.0),
        (tiny.colour_model(), {"multilabel": "True"}, True, 0.0),  # black's is at its threshold
    ],
)
def test_the_model_decides(
    model: ov.Model, info: dict[str, str], independent: bool, gap: float, tmp_path: Path
) -> None:
    path = tiny.save(model, tmp_path / "m.xml", info)
    classifier = Classifier.open(Job(model=str(path)), Threads(nthreads=1, nstreams="1", nireq=1))
    classifier.rings[0].start([0], [classifier.prepare(tiny.flat_colour((32, 16, 0)))])
    finished = classifier.rings[0].wait(20.0)
    assert finished is not None
    scores = finished.scores[0]
    wanted = uncertainty(classifier.probabilities(scores), BOTH, independent=independent)
    assert classifier.uncertainty(scores, BOTH) == wanted
    assert classifier.lead(scores) == pytest.approx(gap, abs=1e-3)
    classifier.close()


@given(
    st.lists(st.tuples(st.floats(-20, 20), st.floats(-20, 20)), min_size=2, max_size=6),
    st.one_of(st.none(), st.floats(-5, 5)),
)
def test_an_answer_is_kept_by_as_much_as_others_would_have_to_gain(
    pairs: list[tuple[float, float]], threshold: float | None
) -> None:
    here, there = (np.array(side) for side in zip(*pairs, strict=True))
    found = kept(here, there, threshold)
    if threshold is None:
        best = int(here.argmax())
        same = all(there[best] > value for n, value in enumerate(there) if n != best)
    else:
        same = all((a >= threshold) == (b >= threshold) for a, b in pairs)
        same = same and not any(b == threshold for _, b in pairs)
    assert (found > 0) == same
    assert kept(there, there, threshold) == lead(there, there, threshold)
