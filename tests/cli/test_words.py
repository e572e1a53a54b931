"""What devices, inspect and demo say and make."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from batchcls.cli import demo, devices, inspect
from batchcls.cli.demo_images import CLASSES
from batchcls.cli.main import main
from batchcls.running.machine import Machine
from tests.support.tree import ROOT

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


def test_a_model_is_shown_with_the_origin_of_every_value() -> None:
    words = inspect.render_model(
        {
            "model": "m.xml",
            "inputs": [{"name": "data", "shape": "[1,3,224,224]", "type": "f32"}],
            "outputs": [{"name": "prob", "shape": "[1,1000]", "type": "f32"}],
            "preprocess": {"resize_type": "crop", "mean_values": [123.675, 116.28, 103.53]},
            "activation": "softmax",
            "threshold": None,
            "top": 5,
            "labels": ["tench, Tinca tinca", "goldfish", "c", "d", "e", "f"],
            "origin": {"resize_type": "model_info", "labels": "the command line", "top": "rt_info"},
            "warnings": ["this is a guess"],
        }
    )
    assert "resize_type  crop                   model_info" in words
    assert "mean_values  123.675 116.28 103.53" in words
    assert "top         5" in words
    assert "labels      6: tench, goldfish, c, d, e, …  the command line" in words
    assert words.endswith("warning: this is a guess")


def test_a_demos_images_are_the_same_every_time(tmp_path: Path) -> None:
    demo.draw(tmp_path / "a", 15)
    demo.draw(tmp_path / "b", 15)
    drawn = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*.jpg"))
    assert len(drawn) == 15
    assert {path.parent.name for path in drawn} == set(CLASSES)
    for path in drawn:
        assert (tmp_path / "a" / path).read_bytes() == (tmp_path / "b" / path).read_bytes()


def test_a_missing_system_library_names_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "cv2.py").write_text(
        "raise ImportError('libGL.so.1: cannot open shared object file: No such file')\n"
    )
    for words in (
        ["-c", "from batchcls.decode.opencv import load; load()"],
        ["-m", "batchcls.cli.demo_images", ".", "3"],
    ):
        done = subprocess.run(
            [sys.executable, *words],
            env={"PYTHONPATH": f"{tmp_path}:{ROOT}"},
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
        )
        assert done.returncode == 1
        assert "lacks the system library libGL.so.1" in done.stderr
        assert done.stderr.rstrip().endswith("pip install opencv-python-headless")


def test_a_run_without_opencv_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "cv2.py").write_text("raise ImportError('libGL.so.1: cannot open shared object')\n")
    (tmp_path / "a.jpg").write_bytes(b"x")
    (tmp_path / "model.onnx").write_bytes(b"never read")
    done = subprocess.run(
        [sys.executable, "-m", "batchcls", "a.jpg", "-m", "model.onnx", "--progress", "none"],
        env={**os.environ, "PYTHONPATH": f"{tmp_path}:{os.environ['PYTHONPATH']}"},
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 2
    assert "batchcls: error: OpenCV cannot be imported" in done.stderr
    assert done.stderr.count("opencv-python-headless") == 1
    assert not (tmp_path / "results.jsonl").exists()
