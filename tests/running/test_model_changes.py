"""A model that somebody overwrites during a run: lines of one model, or none more."""

import os
import signal
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.support import tiny_models as tiny
from tests.support.program import Program


@pytest.mark.runs
def test_a_worker_that_starts_later_and_finds_other_files_ends_the_run(tmp_path: Path) -> None:
    images = tmp_path / "images"
    images.mkdir()
    for number in range(8):
        picture = np.full((16, 16, 3), 30 * number, np.uint8)
        assert cv2.imwrite(str(images / f"{number}.png"), picture)
    model = tiny.save(tiny.colour_model(), tmp_path / "m.xml")
    # One worker: a second one might still be reading the model when it is overwritten.
    endless = ("--no-cache", "--niter", "1000000", "--workers", "1")
    program = Program(images, model, tmp_path / "r.jsonl", options=endless)
    program.wait_for_work()
    weights = model.with_suffix(".bin")
    weights.write_bytes(weights.read_bytes())  # nobody looks what was written
    os.kill(program.workers()[0], signal.SIGKILL)
    code, out, err = program.end(60)
    assert code == 4, (out, err)
    assert "a file of the model changed during the run" in out + err
