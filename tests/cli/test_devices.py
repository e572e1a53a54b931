"""What `devices` shows, and which device strings it suggests."""

import json

import pytest

from batchcls.cli import devices
from batchcls.cli.main import main
from batchcls.running.machine import Machine

CPU = {"name": "CPU", "full_name": "A CPU", "capabilities": ["FP32", "INT8"]}


def test_device_strings_for_one_device_and_for_several() -> None:
    one = [string for string, _ in devices.device_strings(["CPU"])]
    assert one == ["CPU", "AUTO", "HETERO:GPU,CPU"]
    several = [string for string, _ in devices.device_strings(["CPU", "GPU.0", "NPU"])]
    assert several == [
        "CPU", "GPU.0", "NPU", "--device GPU.0 --device NPU --device CPU", "AUTO",
        "HETERO:GPU.0,NPU,CPU",
    ]  # fmt: skip


def test_hardware_that_openvino_does_not_see_is_pointed_out() -> None:
    machine = Machine(cores=2, accelerators=frozenset({"GPU", "NPU"}))
    assert len(devices.unseen(["CPU"], machine)) == 2
    assert devices.unseen(["CPU", "GPU.0", "NPU"], machine) == []
    words = devices.render_devices(
        [CPU], devices.device_strings(["CPU"]), devices.unseen(["CPU"], machine)
    )
    assert "CPU     A CPU      FP32 INT8" in words
    assert "--device HETERO:GPU,CPU  only what this machine has of them" in words
    assert "This machine seems to have a GPU" in words


def test_devices_for_real(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["devices", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert "CPU" in [device["name"] for device in found["devices"]]
    assert "FP32" in found["devices"][0]["capabilities"]
