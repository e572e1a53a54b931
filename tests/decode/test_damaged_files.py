"""Damaged files give pixels or an `ImageError`, and never take the process with them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.tree import ROOT

FORMATS = ("jpeg", "png", "webp", "bmp", "tiff", "gif")
KINDS = {"ok", "not_image", "truncated", "corrupt", "too_large", "out_of_memory"}
SEED = 20_261_124


def decode_damaged(form: str, count: int, folder: Path, first: int = SEED) -> dict[str, int]:
    note = folder / "seed"
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.decode.damaged_files",
            form,
            str(first),
            str(count),
            str(note),
        ],
        capture_output=True,
        cwd=ROOT,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, (
        f"status {done.returncode} at {form} file {note.read_text().strip()}: "
        f"{done.stderr.decode(errors='replace')[-2000:]}"
    )
    outcomes: dict[str, int] = json.loads(done.stdout)
    return outcomes


@pytest.mark.runs
@pytest.mark.parametrize("form", FORMATS)
def test_5000_damaged_files(form: str, tmp_path: Path) -> None:
    outcomes = decode_damaged(form, 5000, tmp_path)
    assert sum(outcomes.values()) == 5000
    assert outcomes.keys() <= KINDS
    assert outcomes["ok"] > 100  # the damage is neither all fatal …
    assert outcomes["corrupt"] > 100  # … nor all harmless


@pytest.mark.faults
@pytest.mark.timeout(600)
@pytest.mark.parametrize("form", FORMATS)
def test_50000_more_damaged_files(form: str, tmp_path: Path) -> None:
    outcomes = decode_damaged(form, 50_000, tmp_path, first=SEED + 100_000)
    assert sum(outcomes.values()) == 50_000
    assert outcomes.keys() <= KINDS
