from pathlib import Path

import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as ops

from batchcls.errors import ModelError
from batchcls.job.job import Job
from batchcls.job.threads import Threads
from batchcls.model.export import export
from batchcls.model.graph import weights
from batchcls.model.infer.classifier import Classifier
from batchcls.model.probe import NOW, probe
from tests.support import tiny_models as tiny

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
        export(Job(model=str(path)), tmp_path / "nowhere" / "out.xml")


def test_the_probe_finds_the_channel_order(tmp_path: Path) -> None:
    """The colour model says class 0 for whatever comes first in the channels."""
    path = tiny.save(tiny.colour_model(), tmp_path / "m.xml", {"labels": "red green blue"})
    images = [tiny.flat_colour(c) for c in ((200, 0, 0), (0, 200, 0), (0, 0, 200))]
    best, *rest = probe(Job(model=str(path)), images, [2, 1, 0], ONE)
    assert best.way.options["reverse_input_channels"] is True
    assert best.worth.accuracy == 1.0
    assert rest[-1].worth.accuracy == pytest.approx(1 / 3)
    assert NOW in [trial.way.name for trial in rest]


def test_what_cannot_be_told_apart_is_left_as_the_files_say_it(tmp_path: Path) -> None:
    info = {"reverse_input_channels": "YES", "resize_type": "standard"}
    path = tiny.save(tiny.colour_model(), tmp_path / "m.xml", info)
    gray = [tiny.flat_colour((n, n, n)) for n in range(0, 250, 50)]
    best, *rest = probe(Job(model=str(path)), gray, threads=ONE)
    assert (best.way.name, best.level) == (NOW, True)
    assert "BGR, none, standard" in [trial.way.name for trial in rest if trial.level]


def test_a_gray_model_has_no_channel_order(tmp_path: Path) -> None:
    parameter = ops.parameter([1, 1, 8, 8], ov.Type.f32)
    mean = ops.reduce_mean(parameter, np.array([2, 3]), keep_dims=False)
    scores = ops.concat([mean, ops.multiply(mean, np.float32(-1.0))], 1)
    path = tiny.save(ov.Model([scores], [parameter], "gray"), tmp_path / "m.xml")
    images = [tiny.flat_colour((n, n, n)) for n in range(0, 250, 50)]
    for trial in probe(Job(model=str(path)), images, threads=ONE):
        assert "GB" not in trial.way.name.replace("ImageNet", "")
        assert "reverse_input_channels" not in trial.way.options


def quantised_weights() -> ov.Model:
    parameter = ops.parameter([1, 3, 8, 8], ov.Type.f32)
    ints = ops.constant(np.arange(-6, 6, dtype=np.int8).reshape(4, 3, 1, 1))
    shifted = ops.subtract(ops.convert(ints, "f32"), np.full((4, 1, 1, 1), 2, np.float32))
    scaled = ops.multiply(shifted, np.array([0.5, 1, 2, 4], np.float32).reshape(4, 1, 1, 1))
    convolved = ops.convolution(parameter, scaled, [1, 1], [0, 0], [0, 0], [1, 1])
    pooled = ops.reduce_mean(convolved, np.array([2, 3]), keep_dims=False)
    return ov.Model([pooled], [parameter], "int8 weights")


def test_folded_weights_compute_the_same() -> None:
    image = np.random.default_rng(1).random((1, 3, 8, 8), np.float32)
    model, core = quantised_weights(), ov.Core()
    before = core.compile_model(model, "CPU", {"NUM_STREAMS": "1"})(image)[0]
    assert weights.fold(model) == 1
    model.validate_nodes_and_infer_types()
    assert not any(
        op.get_type_name() == "Constant" and op.get_element_type() == ov.Type.i8
        for op in model.get_ordered_ops()
    )
    after = core.compile_model(model, "CPU", {"NUM_STREAMS": "1"})(image)[0]
    np.testing.assert_allclose(after, before, rtol=1e-5)
    assert weights.fold(model) == 0
