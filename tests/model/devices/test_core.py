"""What devices are told before they compile."""

import pytest
from openvino.properties.hint import PerformanceMode

from batchcls.job.choices import CHOICES
from batchcls.job.job import Job
from batchcls.job.threads import Threads
from batchcls.model.devices.core import properties


@pytest.mark.parametrize("hint", CHOICES["hint"])
def test_every_hint_is_one_of_openvino(hint: str) -> None:
    found = properties(Job(hint=hint), Threads(), ["CPU"])["CPU"]
    if hint == "none":
        assert "PERFORMANCE_HINT" not in found
    else:
        assert hasattr(PerformanceMode, found["PERFORMANCE_HINT"])


def test_a_device_gets_its_own_value_or_that_of_its_kind_or_of_all() -> None:
    job = Job(nstreams="CPU:2,GPU.1:3,GPU:4")
    found = properties(job, Threads(), ["CPU", "GPU.0", "GPU.1", "NPU"])
    streams = {name: values.get("NUM_STREAMS") for name, values in found.items()}
    assert streams == {"CPU": "2", "GPU.0": "4", "GPU.1": "3", "NPU": None}
    everywhere = properties(Job(infer_precision="f16"), Threads(), ["GPU"])
    assert everywhere["GPU"]["INFERENCE_PRECISION_HINT"] == "f16"
