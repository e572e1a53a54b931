"""Per-layer times add up to what inference took, on every kind of device, once."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as ops

from batchcls.job.job import Job
from batchcls.job.threads import Threads
from batchcls.model.infer.classifier import Classifier
from batchcls.model.infer.ring import Ring
from tests.support import tiny_models as tiny

SIZE, CHANNELS = 64, 48


def busy_net(path: Path) -> Path:
    """Convolutions that take a millisecond or more."""
    image = ops.parameter([1, 3, SIZE, SIZE], ov.Type.f32)
    image.output(0).get_tensor().set_names({"image"})
    node: Any = image
    for channels in (3, CHANNELS, CHANNELS):
        kernel = np.full((CHANNELS, channels, 3, 3), 1e-3, np.float32)
        node = ops.relu(ops.convolution(node, kernel, [1, 1], [1, 1], [1, 1], [1, 1]))
    pooled = ops.reduce_mean(node, np.array([2, 3]), keep_dims=False)
    pooled.output(0).get_tensor().set_names({"scores"})
    return tiny.save(ov.Model([pooled], [image], "busy"), path)


@pytest.mark.runs
@pytest.mark.parametrize("device", ["CPU", "HETERO:CPU", "AUTO:CPU", "MULTI:CPU", "BATCH:CPU"])
@pytest.mark.parametrize("nireq", [1, 3])
def test_layers_add_up_to_what_the_requests_took(tmp_path: Path, device: str, nireq: int) -> None:
    job = Job(
        model=str(busy_net(tmp_path / "m.xml")), device=(device,), perf_counts=True, cache=False
    )
    classifier = Classifier.open(job, Threads(nthreads=1, nstreams="1", nireq=nireq))
    (ring,) = classifier.rings
    picture = classifier.prepare(tiny.flat_colour((1, 2, 3), SIZE, SIZE))
    taken = 0.0
    for count in range(1, 31):
        ring.start([0], [picture])
        finished = ring.wait(10)
        assert finished is not None
        taken += finished.latency_s
        if count in (10, 30):
            rows = classifier.perf_counts()
            assert {row.count for row in rows} == {count}
            total = sum(row.real_ms for row in rows)
            assert 0.0 < total / (1000 * taken) < 1.05, (total, taken)
    classifier.close()


def test_means_of_all_requests_are_counted_once() -> None:
    class Layer(SimpleNamespace):
        """As OpenVINO shows it: the mean over every request there was."""

    class Compiled:
        """Three requests that show the same counters, as OpenVINO's do."""

        outputs = ("scores",)

        def get_property(self, name: str) -> int:
            return 3

        def input(self, index: int) -> Any:
            return SimpleNamespace(partial_shape=ov.PartialShape([1, 2, 2, 3]))

        def create_infer_request(self) -> Any:
            tensor = SimpleNamespace(data=np.zeros((1, 2, 2, 3), np.uint8))
            scores = SimpleNamespace(data=np.zeros((1, 4), np.float32))
            second = SimpleNamespace(total_seconds=lambda: 0.002)
            status = SimpleNamespace(name="EXECUTED")
            layer = Layer(
                node_name="conv", node_type="Convolution", exec_type="jit", status=status,
                real_time=second, cpu_time=second,
            )  # fmt: skip
            return SimpleNamespace(
                get_input_tensor=lambda index: tensor,
                get_output_tensor=lambda index: scores,
                start_async=lambda: None,
                wait_for=lambda ms: True,
                latency=2.0,
                profiling_info=[layer],
            )

    ring = Ring(Compiled(), "CPU", count_layers=True)
    assert ring.layer_times() == []
    for _ in range(7):
        ring.start([0], [np.zeros((2, 2, 3), np.uint8)])
        assert ring.wait(1) is not None
    (row,) = ring.layer_times()
    assert (row.real_ms, row.cpu_ms, row.count) == (14.0, 14.0, 7)
