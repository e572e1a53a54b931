"""What `devices` shows, and which device strings it suggests."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from batchcls.backends.machine import Machine
from batchcls.cli import devices
from batchcls.cli.main import main
from batchcls.errors import DeviceError
from batchcls.model.devices.agreement import Agreement
from tests.support import tiny_models as tiny

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


def test_what_a_check_found_is_one_table() -> None:
    gpu = Agreement("GPU", 64, 60, 50, correlation=0.8, worst=0.5, varies=0.25, fps=99.5)
    npu = Agreement("NPU", 64, 3, 3, correlation=1.0, worst=0.0, varies=0.0, fps=10.0)
    words = devices.render_check([("GPU", gpu), ("NPU", npu), ("X", DeviceError("none"))], 98)
    rows = [line.split("  ") for line in words.splitlines()[1:4]]
    assert [[cell.strip() for cell in row if cell] for row in rows] == [
        ["GPU", "99.5", "50 of 60", "0.5", "0.25", "gives other labels"],
        ["NPU", "10.0", "3 of 3", "0", "0", "too few to judge"],
        ["X", "-", "-", "-", "-", "cannot be measured"],
    ]
    assert "X: none" in words
    assert "time" not in words
    late = replace(npu, cut_short=True)
    assert "NPU: as many images as there was time for" in devices.render_check([("NPU", late)], 98)


@pytest.mark.runs
def test_devices_are_measured_for_real(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = str(tiny.save(tiny.colour_model(softmax=True), tmp_path / "m.xml"))
    words = ["devices", "--json", "--check", model, "--plugin", tiny.VCPU, "-d", "GPU"]
    assert main(words) == 0
    found = {one["device"]: one for one in json.loads(capsys.readouterr().out)["checked"]}
    assert found["VCPU"]["agreed"] == found["VCPU"]["clear"] > 0
    assert not found["CPU"]["fails"]
    assert found["CPU"]["worst"] == 0
    assert "this machine has no GPU" in found["GPU"]["error"]


def test_images_without_a_model_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["devices", "photos"]) == 2
    assert "`--check MODEL`" in capsys.readouterr().err
