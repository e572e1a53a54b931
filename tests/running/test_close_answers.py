"""`--decode reduced` through real workers: a close answer is that of full decoding."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from batchcls.job.job import Job
from batchcls.running.run import run

pytestmark = pytest.mark.runs


def tops(job: Job) -> dict[str, Any]:
    run(job)
    assert job.output is not None
    records = [json.loads(line) for line in Path(job.output).read_text().splitlines()]
    return {record["path"]: record["top"] for record in records}


@pytest.mark.parametrize("threads", [0, 2])
def test_a_close_answer_is_that_of_full_decoding(job: Job, tmp_path: Path, threads: int) -> None:
    folder = tmp_path / "large"
    folder.mkdir()
    chance = np.random.default_rng(3)
    for number in range(12):
        for name, colour in (("close", (120, 120, 120)), ("clear", (60, 60, 190))):
            noise = chance.integers(-60, 60, (410 + number, 660, 3))
            pixels = np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8)
            assert cv2.imwrite(str(folder / f"{name}{number}.jpg"), pixels)
    job = replace(job, sources=(str(folder),), decode_threads=threads)
    full = tops(replace(job, output=str(tmp_path / "full.jsonl")))
    reduced = tops(replace(job, output=str(tmp_path / "reduced.jsonl"), decode="reduced"))
    assert full.keys() == reduced.keys()
    for path, top in full.items():
        if path.startswith("close"):
            assert reduced[path] == top
        else:  # so the pictures do differ
            assert reduced[path] != top
            assert reduced[path][0]["index"] == top[0]["index"]
