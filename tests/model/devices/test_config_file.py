"""What is misspelt in `--load-config` is refused, for devices that swallow anything too."""

import json
from pathlib import Path
from typing import Any

import openvino
import pytest

from batchcls.errors import UsageError
from batchcls.job.job import Job
from batchcls.job.threads import Threads
from batchcls.model.devices import config_file
from batchcls.model.devices.core import properties

CORE = openvino.Core()


def configured(tmp_path: Path, sections: Any, **options: Any) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(sections))
    config_file.configure_lists(CORE, Job(load_config=str(path), **options))


@pytest.mark.parametrize(
    "sections",
    [
        {},
        {"CPU": {"PERF_COUNT": "YES"}},
        {"gpu": {"ANYTHING": "of its own"}, "NPU": {}, "GPU.1": {}},
        {"AUTO": {"LOG_LEVEL": "LOG_NONE"}},
        {"AUTO": {"DEVICE_PROPERTIES": {"CPU": {"NUM_STREAMS": "2"}}}},
    ],
)
def test_sections_of_devices_pass(tmp_path: Path, sections: Any) -> None:
    configured(tmp_path, sections)


def test_a_plugin_of_the_jobs_is_a_device(tmp_path: Path) -> None:
    configured(tmp_path, {"VCPU": {}}, plugin=("vcpu=lib.so",))


@pytest.mark.parametrize(
    ("sections", "match"),
    [
        ({"CPUU": {}}, "no device is called CPUU; expected one of AUTO, BATCH, CPU"),
        ({"AUTO": {"LOG_LEVELL": "LOG_NONE"}}, "AUTO has no property LOG_LEVELL; it has: "),
        ({"HETERO": {"INFERENCE_NUM_THREADS": "2"}}, "HETERO has no property INFERENCE_NUM"),
        ({"MULTI": {"X": "1"}}, "MULTI has no property X"),
        ({"AUTO": {"LOG_LEVEL": "LOUD"}}, "AUTO refuses a value"),
        ({"AUTO": {"DEVICE_PROPERTIES": {"CPUU": {}}}}, "no device is called CPUU"),
        ({"AUTO": {"DEVICE_PROPERTIES": "CPU"}}, "AUTO: DEVICE_PROPERTIES: expected"),
        ({"CPU.0": {"NUM_STREAMS": "2"}}, r"CPU\.0: CPUs have no numbers; write CPU"),
        ([], "expected"),
    ],
)
def test_what_openvino_would_swallow_is_refused(tmp_path: Path, sections: Any, match: str) -> None:
    with pytest.raises(UsageError, match=match) as caught:
        configured(tmp_path, sections)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "streams", "nthreads"),
    [
        ({}, "2", "3"),
        ({"nstreams": "1"}, "1", "3"),
        ({"nstreams": "CPU:1", "nthreads": 1}, "1", "1"),
        ({"nstreams": "GPU:1"}, "2", "3"),
    ],
)
def test_the_file_wins_over_what_is_decided_and_options_over_the_file(
    tmp_path: Path, options: dict[str, Any], streams: str, nthreads: str
) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"CPU": {"NUM_STREAMS": "2", "INFERENCE_NUM_THREADS": "3"}}))
    threads = Threads(nthreads=1, nstreams=options.get("nstreams", "1"))
    found = properties(Job(load_config=str(path), **options), threads, ["CPU"])
    assert found["CPU"]["NUM_STREAMS"] == streams
    assert found["CPU"]["INFERENCE_NUM_THREADS"] == nthreads


def test_properties_within_those_of_a_list_are_the_devices_own(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    within = {"DEVICE_PROPERTIES": {"CPU": {"NUM_STREAMS": "2", "INFERENCE_NUM_THREADS": "3"}}}
    path.write_text(json.dumps({"CPU": {"NUM_STREAMS": "4"}, "AUTO": within}))
    threads = Threads(nthreads=1, nstreams="1")
    found = properties(Job(load_config=str(path)), threads, ["CPU"])
    assert found["CPU"]["NUM_STREAMS"] == "4"
    assert found["CPU"]["INFERENCE_NUM_THREADS"] == "3"
