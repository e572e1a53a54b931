"""The old sample's documented command line, only the program's name changed, on real photos."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from batchcls.cli.main import main

pytestmark = pytest.mark.real
MODEL = "models/tf2_mobilenet_v2_1.0_224_ptq.tflite"
LABELS = "models/imagenet_labels.txt"


def test_the_old_samples_command_line(tmp_path: Path, real_data: Path) -> None:
    photos = sorted((real_data / "photos").iterdir())[:2]
    words = [
        "-i", *map(str, photos), "-m", str(real_data / MODEL), "-d", "CPU", "-nt", "5", "-ni", "3",
        "-pc", "-nireq", "4", "--labels", str(real_data / LABELS),
    ]  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "batchcls", *words], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    records = [json.loads(line) for line in (tmp_path / "results.jsonl").read_text().splitlines()]
    assert [record["path"] for record in records] == [str(photo) for photo in photos]
    assert [len(record["top"]) for record in records] == [5, 5]
    assert (tmp_path / "results.jsonl.job" / "perf_counts.csv").stat().st_size
    assert "FPS" in done.stdout


def test_inspect_names_every_origin(real_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["inspect", str(real_data / MODEL), "--labels", str(real_data / LABELS)]
    assert main([*words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["preprocess"]["height"], len(found["labels"])) == (224, 1001)
    assert found["origin"]["labels"] == "the command line"
    assert set(found["preprocess"]) <= set(found["origin"])
    assert main(words) == 0
    assert "1,001: background, tench, goldfish" in capsys.readouterr().out
    assert main([*words, "--mean-values", "[1,2,3]", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["origin"]["mean_values"] == "the command line"
