"""Which preprocessing a model was trained with, by trial."""

from pathlib import Path

import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as ops

from batchcls.job.job import Job
from batchcls.job.threads import Threads
from batchcls.model.probe import NOW, probe
from tests.support import tiny_models as tiny

pytestmark = pytest.mark.runs

ONE = Threads(nthreads=1, nstreams="1", nireq=1)


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
