"""What `demo` draws, and what happens where OpenCV cannot be loaded."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from batchcls.cli import demo
from batchcls.cli.demo_images import CLASSES
from batchcls.cli.main import main
from batchcls.errors import SetupError
from batchcls.model.builtin.imagenet import short_labels
from batchcls.model.files import imagenet
from tests.support.tree import ROOT

pytestmark = pytest.mark.runs


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
        assert done.stderr.rstrip().endswith("pip install opencv-python-headless`")


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


def test_things_of_imagenet_are_drawn_under_their_labels(tmp_path: Path) -> None:
    demo.draw(tmp_path, 16, "imagenet")
    drawn = {path.parent.name for path in tmp_path.rglob("*.jpg")}
    assert len(drawn) == 7
    assert drawn <= set(short_labels())


def test_the_model_imagenet_names_what_is_drawn(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        imagenet.checkpoint()
    except SetupError:
        pytest.skip("the extra `imagenet` is not installed")
    words = [str(tmp_path), "--model", "imagenet", "-n", "22", "--progress", "none"]
    assert main(["demo", *words]) == 0
    assert "21 of 22" in capsys.readouterr().out  # one of them is broken


def test_the_demo_of_any_other_model_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--model", "model.onnx"]) == 2
    assert "for another, use `batchcls run`" in capsys.readouterr().err


def test_a_run_without_a_model_names_both(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    demo.draw(tmp_path, 2)
    output = str(tmp_path / "results.jsonl")
    assert main(["run", str(tmp_path), "-o", output, "--progress", "plain"]) == 0
    (said,) = (line for line in capsys.readouterr().err.splitlines() if "no --model" in line)
    assert "photo quality" in said
    assert "`--model imagenet`" in said
