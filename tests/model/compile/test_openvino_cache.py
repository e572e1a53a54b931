"""OpenVINO's own cache, for devices that batchcls cannot cache for: no answer of it is old."""

from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as ops

from batchcls.job.job import Job
from batchcls.model.compile import compiled_files
from batchcls.model.compile.compiled_files import CompiledFiles
from batchcls.model.infer.classifier import Classifier
from tests.support import tiny_models as tiny
from tests.support.int8_net import ONE, SIZE, STEP, scores, weights_up_to

pytestmark = pytest.mark.runs

VIRTUAL = ["AUTO", "AUTO:CPU", "AUTO:VCPU,CPU", "MULTI:CPU", "MULTI:VCPU,CPU", "BATCH:CPU"]


def trained_quantised() -> ov.Model:
    """Two convolutions whose weights are floats behind a FakeQuantize, as training leaves them.

    There is nothing to fold, so both ways of computing it begin with the same graph.
    """
    image = ops.parameter([1, 3, SIZE, SIZE], ov.Type.f32)
    image.output(0).get_tensor().set_names({"image"})
    node: Any = image
    limits = (255.0, 256 * STEP - STEP)
    for kernel, high, scale in zip(weights_up_to(127), limits, (1 / 3, 1 / 2**20), strict=True):
        edges = [np.array(value, np.float32) for value in (0.0, high, 0.0, high)]
        reals = (kernel.reshape(*kernel.shape, 1, 1) * np.float32(scale)).astype(np.float32)
        ends = [np.array(sign * 127 * scale, np.float32) for sign in (-1, 1, -1, 1)]
        node = ops.convolution(
            ops.fake_quantize(node, *edges, 256),
            ops.fake_quantize(ops.constant(reals), *ends, 255),
            [1, 1], [0, 0], [0, 0], [1, 1],
        )  # fmt: skip
    pooled = ops.reduce_mean(node, np.array([2, 3]), keep_dims=False)
    pooled.output(0).get_tensor().set_names({"scores"})
    return ov.Model([pooled], [image], "trained quantised")


@pytest.mark.parametrize("device", VIRTUAL)
def test_each_way_of_computing_has_a_place_of_its_own(tmp_path: Path, device: str) -> None:
    path = tiny.save(trained_quantised(), tmp_path / "m.xml")

    def answers(how: str, **options: Any) -> Any:
        job = Job(model=str(path), int8=how, plugin=(tiny.VCPU,), **options)
        classifier = Classifier.open(job, ONE)
        found = np.array(scores(classifier))
        classifier.close()
        return found

    right = {how: answers(how, cache=False) for how in ("fast", "exact")}
    assert not np.array_equal(right["fast"], right["exact"])
    for how in ("fast", "exact", "fast", "exact"):
        found = answers(how, device=(device,), cache_dir=str(tmp_path / "cache"))
        np.testing.assert_array_equal(found, right[how], how)


def test_what_openvino_keeps_counts_and_goes_when_there_is_too_much(tmp_path: Path) -> None:
    files = CompiledFiles.open(tmp_path / "cache", limit=1000)
    for number in range(4):
        place = files.foreign(f"{number}" * 64)
        place.mkdir()
        (place / f"{number}.blob").write_bytes(bytes(400))
    files.shrink()
    left = sorted(path.name for path in files.folder.rglob("*.blob"))
    assert left == ["2.blob", "3.blob"]
    assert len(list(files.folder.glob(f"{compiled_files.OPENVINO}*"))) == 2
