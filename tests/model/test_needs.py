"""What size a model needs, and what decoding makes of it."""

from pathlib import Path

import pytest

from batchcls.decode.policy import HEADROOM, DecodePolicy
from batchcls.job import Job
from batchcls.model.classifier import Classifier
from batchcls.model.threads import Threads
from tests.model.tiny_models import echo_model, save


def _needs(tmp_path: Path, resize_type: str) -> tuple[int, int] | None:
    model = save(echo_model(28, 14), tmp_path / "m.xml")
    job = Job(sources=("x",), model=str(model), resize_type=resize_type)
    classifier = Classifier.open(job, Threads(nthreads=1))
    try:
        return classifier.needs
    finally:
        classifier.close()


@pytest.mark.parametrize(
    ("resize_type", "needs"),
    [("standard", (14, 28)), ("crop", (14, 28)), ("shortest_edge", (16, 32)), ("squash", (16, 32))],
)
def test_a_model_needs_what_its_resize_makes(
    tmp_path: Path, resize_type: str, needs: tuple[int, int]
) -> None:
    assert _needs(tmp_path, resize_type) == needs


def test_only_reduced_decoding_asks_for_less() -> None:
    assert DecodePolicy().at_least((14, 28)) is None
    assert DecodePolicy(reduced=True).at_least(None) is None
    assert DecodePolicy(reduced=True).at_least((14, 28)) == (HEADROOM * 14, HEADROOM * 28)
    assert DecodePolicy(reduced=True).as_dict() != DecodePolicy().as_dict()
