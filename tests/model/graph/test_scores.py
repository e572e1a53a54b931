"""Which of a model's outputs gives the class scores, and what is told where that is uncertain."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from batchcls.errors import LabelsError, ModelError
from batchcls.job.job import Job
from batchcls.job.threads import Threads
from batchcls.model import export
from batchcls.model.infer.classifier import Classifier
from tests.support import onnx_models as onnx
from tests.support import tiny_models as tiny

ONE = Threads(nthreads=1, nstreams="1", nireq=1)
RED = (0, 0, 255)  # BGR


def answer(model: Path, colour: tuple[int, int, int] = RED, **options: Any) -> list[Any]:
    """The best classes of a picture of one colour, as (label, score), and the warnings."""
    job = Job(model=str(model), reverse_input_channels=True, scale_values="[255]", cache=False)
    classifier = Classifier.open(replace(job, **options), ONE)
    scores = tiny.raw_scores(classifier, [tiny.flat_colour(colour)])[0]
    found = [(one.label, round(one.score, 4)) for one in classifier.outcome(scores)]
    classifier.close()
    return [*found, *classifier.description["warnings"]]


def names(folder: Path, *labels: str) -> str:
    path = folder / "names.txt"
    path.write_text("\n".join(labels))
    return str(path)


# ---- several outputs


def test_an_embedding_called_output_is_not_taken_for_scores(tmp_path: Path) -> None:
    model = onnx.colours(tmp_path / "m.onnx", {"output": "features", "classifier": "colours"})
    with pytest.raises(ModelError, match=r"several outputs.*classifier \[\?,3\].*--score-output"):
        answer(model)
    assert answer(model, score_output="classifier")[0] == ("class 0", 0.9999)
    assert answer(model, score_output="1")[0] == ("class 0", 0.9999)
    assert len(answer(model, score_output="output")) >= 10


def test_the_number_of_labels_decides(tmp_path: Path) -> None:
    model = onnx.colours(tmp_path / "m.onnx", {"output": "features", "classifier": "colours"})
    labels = names(tmp_path, "red", "green", "blue")
    assert answer(model, labels=labels) == [("red", 0.9999), ("green", 0.0), ("blue", 0.0)]
    (tmp_path / "config.json").write_text('{"id2label": {"0": "r", "1": "g", "2": "b"}}')
    assert answer(model)[0] == ("r", 0.9999)


def test_two_heads_of_one_size_are_the_users_choice(tmp_path: Path) -> None:
    model = onnx.colours(tmp_path / "m.onnx", {"495": "colours", "496": "mirrored"})
    with pytest.raises(ModelError, match="several outputs"):
        answer(model, labels=names(tmp_path, "red", "green", "blue"))
    assert answer(model, score_output="495")[0][0] == "class 0"
    assert answer(model, score_output="496")[0][0] == "class 2"


@pytest.mark.parametrize("order", [("f", "y"), ("y", "f")])
def test_features_lead_to_scores_and_never_the_reverse(
    tmp_path: Path, order: tuple[str, str]
) -> None:
    ends = {"f": onnx.value("f", ["N", 3]), "y": onnx.value("y", ["N", 3])}
    model = onnx.colours(tmp_path / "m.onnx", ends=[ends[name] for name in order])
    assert answer(model)[0] == ("class 0", 0.9999)


def test_the_head_that_ends_in_a_softmax_is_the_scores(tmp_path: Path) -> None:
    model = onnx.colours(
        tmp_path / "m.onnx",
        {"a": "features", "b": "colours"},
        tail=[onnx.node("Softmax", ["b"], ["p"])],
        ends=[onnx.value("a", ["N", 16]), onnx.value("p", ["N", 3])],
    )
    assert answer(model)[0] == ("class 0", 0.9999)


def test_names_of_features_are_known(tmp_path: Path) -> None:
    model = onnx.colours(tmp_path / "m.onnx", {"image_embeds": "features", "495": "colours"})
    assert answer(model)[0] == ("class 0", 0.9999)
    only = onnx.colours(tmp_path / "only.onnx", {"image_embeds": "features"})
    with pytest.raises(ModelError, match=r"only.onnx has no classes: its output image_embeds"):
        answer(only)
    assert len(answer(only, score_output="image_embeds")) >= 10


def test_an_output_that_is_not_there_is_said_with_those_that_are(tmp_path: Path) -> None:
    model = onnx.colours(tmp_path / "m.onnx")
    with pytest.raises(ModelError, match=r"--score-output z: the model's outputs are: y"):
        answer(model, score_output="z")
    wide = onnx.colours(
        tmp_path / "w.onnx",
        ends=[onnx.value("y", ["N", 3]), onnx.value("x2", ["N", 3, 8, 8])],
        tail=[onnx.node("Relu", ["x"], ["x2"])],
    )
    with pytest.raises(ModelError, match="--score-output x2: expected a shape of"):
        answer(wide, score_output="x2")


def test_an_exported_model_keeps_the_choice(tmp_path: Path) -> None:
    model = onnx.colours(tmp_path / "m.onnx", {"495": "colours", "496": "mirrored"})
    out = export.export(Job(model=str(model), score_output="496"), tmp_path / "out.xml")
    assert answer(out)[0][0] == "class 2"


# ---- features alone


def features(folder: Path, width: int) -> Path:
    weights = np.random.default_rng(0).normal(size=(3, width)).astype(np.float32)
    return onnx.colours(
        folder / "m.onnx",
        {},
        tail=[onnx.node("MatMul", ["f", "w"], ["y"])],
        ends=[onnx.value("y", ["N", width])],
        initializers=[onnx.tensor("w", weights)],
    )


@pytest.mark.parametrize(("width", "told"), [(2048, True), (768, True), (1000, False), (5, False)])
def test_the_width_of_features_is_told(tmp_path: Path, width: int, told: bool) -> None:
    warnings = [text for text in answer(features(tmp_path, width)) if isinstance(text, str)]
    assert any("it may be features" in text for text in warnings) == told


def test_labels_say_that_they_are_classes(tmp_path: Path) -> None:
    labels = names(tmp_path, *(f"c{n}" for n in range(512)))
    found = answer(features(tmp_path, 512), labels=labels)
    assert not any("features" in text for text in found if isinstance(text, str))


def test_a_head_that_ends_in_an_activation_is_told(tmp_path: Path) -> None:
    model = onnx.colours(
        tmp_path / "m.onnx",
        tail=[onnx.node("Relu", ["y"], ["z"])],
        ends=[onnx.value("z", ["N", 3])],
    )
    assert "ends in Relu: it may be features" in answer(model)[-1]


# ---- one value, one axis


def binary(path: Path, *, sigmoid: bool = True, shape: Any = ("N", 1)) -> Path:
    """P(red): of red less of blue."""
    tail = [onnx.node("MatMul", ["y", "v"], ["l"])]
    tail += (
        [onnx.node("Sigmoid", ["l"], ["p"])] if sigmoid else [onnx.node("Identity", ["l"], ["p"])]
    )
    end = "p"
    if len(shape) == 1:
        tail.append(onnx.node("Flatten", ["p"], ["q"], axis=0))
        tail.append(onnx.node("Reshape", ["q", "s"], ["r"]))
        end = "r"
    v = onnx.tensor("v", np.array([[0.1], [0], [-0.1]], np.float32))
    return onnx.colours(
        path,
        tail=tail,
        ends=[onnx.value(end, shape)],
        initializers=[v, onnx.tensor("s", np.array([-1], np.int64))],
    )


@pytest.mark.runs
@pytest.mark.parametrize("sigmoid", [True, False])
@pytest.mark.parametrize("shape", [("N", 1), (1,), ("N",)])
def test_one_value_and_two_names_are_its_complement_and_itself(
    tmp_path: Path, sigmoid: bool, shape: Any
) -> None:
    model = binary(tmp_path / "m.onnx", sigmoid=sigmoid, shape=shape)
    labels = names(tmp_path, "blue", "red")
    p = round(float(1 / (1 + np.exp(-1))), 4)
    assert answer(model, labels=labels) == [("red", p), ("blue", round(1 - p, 4))]
    assert answer(model, (255, 0, 0), labels=labels) == [("blue", p), ("red", round(1 - p, 4))]


def test_two_names_exclude_each_other(tmp_path: Path) -> None:
    labels = names(tmp_path, "blue", "red")
    job = Job(model=str(binary(tmp_path / "m.onnx")), labels=labels, cache=False)
    classifier = Classifier.open(job, ONE)
    scores = np.array([0.8], np.float32)
    found = classifier.uncertainty(scores, ("margin", "entropy"))
    assert found["margin"] == pytest.approx(0.6)
    assert found["entropy"] == pytest.approx(-0.8 * np.log(0.8) - 0.2 * np.log(0.2))
    assert classifier.lead(scores) == pytest.approx(np.log(0.8 / 0.2))
    classifier.close()


def test_one_value_and_three_names_are_refused(tmp_path: Path) -> None:
    with pytest.raises(LabelsError, match="3 labels, the model has 1 class"):
        answer(binary(tmp_path / "m.onnx"), labels=names(tmp_path, "a", "b", "c"))


def test_scores_of_one_axis_are_those_of_one_image(tmp_path: Path) -> None:
    model = onnx.colours(
        tmp_path / "m.onnx",
        tail=[onnx.node("Reshape", ["y", "s"], ["r"])],
        ends=[onnx.value("r", [3])],
        shape=(1, 3, 8, 8),
        initializers=[onnx.tensor("s", np.array([-1], np.int64))],
    )
    assert answer(model)[0] == ("class 0", 0.9999)
    with pytest.raises(ModelError, match="--batch-size 1"):
        Classifier.open(
            Job(model=str(model), cache=False), Threads(nstreams="1", nireq=1, batch_size=2)
        )
