"""How sure a model is: measured on probabilities, by the model's kind and never by their sum."""

from pathlib import Path

import numpy as np
import openvino as ov
import pytest
from numpy.typing import NDArray

from batchcls.job import Job
from batchcls.model.classifier import Classifier
from batchcls.model.threads import Threads
from batchcls.model.uncertainty import uncertainty
from tests.model import tiny_models as tiny

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
    ("model", "info", "independent"),
    [
        (tiny.colour_model(softmax=True), {}, False),
        (tiny.colour_model(), {}, False),
        (tiny.colour_model(sigmoid=True), {}, True),
        (tiny.colour_model(), {"multilabel": "True"}, True),
    ],
)
def test_the_model_decides(
    model: ov.Model, info: dict[str, str], independent: bool, tmp_path: Path
) -> None:
    path = tiny.save(model, tmp_path / "m.xml", info)
    classifier = Classifier.open(Job(model=str(path)), Threads(nthreads=1, nstreams="1", nireq=1))
    classifier.rings[0].start([0], [classifier.prepare(tiny.flat_colour((32, 16, 0)))])
    finished = classifier.rings[0].wait(20.0)
    assert finished is not None
    scores = finished.scores[0]
    wanted = uncertainty(classifier.probabilities(scores), BOTH, independent=independent)
    assert classifier.uncertainty(scores, BOTH) == wanted
    classifier.close()
