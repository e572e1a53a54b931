"""An exported model: one file that says all that was known, and answers the same."""

from pathlib import Path

import numpy as np
import openvino as ov
import pytest

from batchcls.errors import ModelError
from batchcls.job.job import Job
from batchcls.job.threads import Threads
from batchcls.model.export import export
from batchcls.model.infer.classifier import Classifier
from tests.support import tiny_models as tiny

pytestmark = pytest.mark.runs

ONE = Threads(nthreads=1, nstreams="1", nireq=1)


def test_an_exported_model_carries_everything(tmp_path: Path) -> None:
    path = tiny.save(tiny.colour_model(), tmp_path / "m.xml")
    (tmp_path / "names.txt").write_text("red fox, Vulpes\ncat\ndog\n")
    job = Job(model=str(path), preprocess="timm", labels=str(tmp_path / "names.txt"))
    before = Classifier.open(job, ONE).description
    out = export(job, tmp_path / "out.xml")
    after = Classifier.open(Job(model=str(out)), ONE).description
    assert after["fingerprint"] == before["fingerprint"]
    assert after["warnings"] == []
    assert after["labels"]["names"][0] == "red fox, Vulpes"
    assert after["origin"]["resize_type"] == "rt_info batchcls"
    model = ov.Core().read_model(str(out))
    info = (
        {k: str(v.value) for k, v in model.get_rt_info(["model_info"]).value.items()}
        if (not isinstance(model.get_rt_info(["model_info", "labels"]).value, str))
        else {k: str(v) for k, v in model.get_rt_info(["model_info"]).value.items()}
    )
    assert info["labels"] == "red_fox,_Vulpes cat dog"
    assert info["resize_type"] == "crop"  # the nearest word that model_api has
    assert info["interpolation_mode"] == "CUBIC"
    assert info["reverse_input_channels"] == "True"
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "m.bin",
        "m.xml",
        "names.txt",
        "out.bin",
        "out.xml",
    ]


def test_an_exported_quantised_model_has_plain_scores_for_other_readers(tmp_path: Path) -> None:
    """model_api takes the first output, and a softmax of its 8-bit integers."""
    path = tiny.save(tiny.quantised_colour_model(), tmp_path / "m.xml")
    out = export(Job(model=str(path)), tmp_path / "out.xml")
    again = export(Job(model=str(out)), tmp_path / "again.xml")
    image = tiny.flat_colour((240, 120, 60), 8, 8)
    answers = []
    for file in (path, out, again):
        classifier = Classifier.open(Job(model=str(file)), ONE)
        classifier.rings[0].start([0], [classifier.prepare(image)])
        finished = classifier.rings[0].wait(20.0)
        assert finished is not None
        answers.append(classifier.probabilities(finished.scores[0]).tolist())
        classifier.close()
    assert answers[0] == answers[1] == answers[2]
    model = ov.Core().read_model(str(again))
    assert [port.get_element_type().get_type_name() for port in model.outputs] == ["f32", "u8"]
    scores = ov.compile_model(model, "CPU")(image[None])[0]
    assert scores.sum() == pytest.approx(1.0, abs=1e-5)
    np.testing.assert_allclose(scores[0], answers[0], atol=1 / 256)


def test_export_says_what_is_wrong(tmp_path: Path) -> None:
    path = tiny.save(tiny.colour_model(), tmp_path / "m.xml")
    with pytest.raises(ModelError, match=r"\.xml"):
        export(Job(model=str(path)), tmp_path / "out.onnx")
    with pytest.raises(ModelError, match="cannot write"):
        export(Job(model=str(path)), path / "out.xml")
