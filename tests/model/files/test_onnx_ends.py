"""Models that end in maps and texts for other runtimes are answered by what goes into these."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from batchcls.errors import ModelError
from batchcls.job.job import Job
from batchcls.job.threads import Threads
from batchcls.model.files import onnx_ends
from batchcls.model.infer.classifier import Classifier
from tests.support import onnx_models as onnx
from tests.support import tiny_models as tiny

ONE = Threads(nthreads=1, nstreams="1", nireq=1)
NAMES = ["red", "green apple", "blau ä"]
SOFTMAX = onnx.node("Softmax", ["y"], ["p"])
LOSS = onnx.sequence_of_maps("loss", onnx.STRING)


def zipmap(**labels: Any) -> bytes:
    return onnx.node("ZipMap", ["p"], ["loss"], domain=onnx.ONNX_ML, **labels)


def answer(model: Path) -> list[tuple[str, float]]:
    job = Job(model=str(model), reverse_input_channels=True, scale_values="[255]", cache=False)
    classifier = Classifier.open(job, ONE)
    scores = tiny.raw_scores(classifier, [tiny.flat_colour((0, 0, 255))])[0]
    found = [(one.label, round(one.score, 4)) for one in classifier.outcome(scores)]
    classifier.close()
    return found


def test_a_map_is_cut_off_and_gives_its_names(tmp_path: Path) -> None:
    tail = [SOFTMAX, zipmap(classlabels_strings=NAMES)]
    model = onnx.colours(tmp_path / "m.onnx", tail=tail, ends=[LOSS])
    assert answer(model) == [("red", 0.9999), ("green apple", 0.0), ("blau ä", 0.0)]


def test_custom_visions_pair_of_outputs(tmp_path: Path) -> None:
    texts = onnx.node(
        "LabelEncoder", ["i"], ["classLabel"], domain=onnx.ONNX_ML,
        keys_int64s=[0, 1, 2], values_strings=NAMES,
    )  # fmt: skip
    best = onnx.node("ArgMax", ["p"], ["i"], axis=1, keepdims=0)
    model = onnx.colours(
        tmp_path / "m.onnx",
        tail=[SOFTMAX, zipmap(classlabels_strings=NAMES), best, texts],
        ends=[onnx.value("classLabel", ["N"], onnx.STRING), LOSS],
    )
    assert answer(model)[0] == ("red", 0.9999)


@pytest.mark.parametrize(
    ("numbers", "label"), [([0, 1, 2], "class 0"), ([7, 3, 5], "7"), ([1, 2, 3], "1")]
)
def test_numbers_are_names_unless_they_are_the_indices(
    tmp_path: Path, numbers: list[int], label: str
) -> None:
    tail = [SOFTMAX, zipmap(classlabels_int64s=numbers)]
    ends = [onnx.sequence_of_maps("loss", onnx.INT64)]
    assert answer(onnx.colours(tmp_path / "m.onnx", tail=tail, ends=ends))[0] == (label, 0.9999)


def test_other_outputs_stay(tmp_path: Path) -> None:
    tail = [SOFTMAX, zipmap(classlabels_strings=NAMES), onnx.node("Relu", ["g"], ["h"])]
    ends = [onnx.value("h", ["N", 3, 1, 1]), LOSS]
    assert answer(onnx.colours(tmp_path / "m.onnx", tail=tail, ends=ends))[0] == ("red", 0.9999)


def test_models_without_a_map_are_left_alone(tmp_path: Path) -> None:
    assert onnx_ends.without_maps(onnx.colours(tmp_path / "m.onnx")) is None
    assert onnx_ends.without_maps(tmp_path / "none.onnx") is None


def test_a_map_over_weights_elsewhere_says_how_to_export(tmp_path: Path) -> None:
    entry = onnx.data(1, "location") + onnx.data(2, "w.data")
    far = onnx.number(1, 1) + onnx.number(2, 1) + onnx.data(8, "v") + onnx.data(13, entry)
    (tmp_path / "w.data").write_bytes(np.float32(1).tobytes())
    model = onnx.colours(
        tmp_path / "m.onnx",
        tail=[SOFTMAX, zipmap(classlabels_strings=NAMES)],
        ends=[LOSS],
        initializers=[far + onnx.number(14, 1)],
    )
    with pytest.raises(ModelError, match=r"ends in ZipMap.*zipmap=False"):
        answer(model)


def test_damage_is_no_cut(tmp_path: Path) -> None:
    """Every prefix of a model gives a model that says so, or none; never anything else."""
    tail = [SOFTMAX, zipmap(classlabels_strings=NAMES)]
    whole = onnx.colours(tmp_path / "m.onnx", tail=tail, ends=[LOSS]).read_bytes()
    for end in range(0, len(whole), 3):
        (tmp_path / "cut.onnx").write_bytes(whole[:end])
        found = onnx_ends.without_maps(tmp_path / "cut.onnx")
        assert found is None or isinstance(found.model, bytes)
