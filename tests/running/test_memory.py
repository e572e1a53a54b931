"""A limit of memory per worker: a giant fails alone, and a limit below the model is refused."""

import json
import struct
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from batchcls.backends.allocation import decide
from batchcls.backends.machine import Machine, this_machine
from batchcls.errors import UsageError
from batchcls.job.job import Job
from batchcls.running.limits import policy
from batchcls.running.run import run
from tests.support.bombs import png
from tests.support.tiny_onnx import Node, save

pytestmark = pytest.mark.runs


def test_a_giant_image_is_out_of_memory_and_nobody_else_is(job: Job, images: Path) -> None:
    side = 13_000  # 507 MB decoded, and within the limit of pixels
    rows = zlib.compressobj(1)
    row = bytes(1 + side * 3)
    data = b"".join(rows.compress(row) for _ in range(side)) + rows.flush()
    giant = png(side, side, 8, 2, b"")
    at = giant.index(b"IDAT") - 4
    end = giant.index(b"IEND") - 4
    body = struct.pack(">I", len(data)) + b"IDAT" + data
    body += struct.pack(">I", zlib.crc32(b"IDAT" + data))
    (images / "giant.png").write_bytes(giant[:at] + body + giant[end:])
    result = run(replace(job, worker_memory=400))
    assert result.failed_by_kind["out_of_memory"] == 1
    assert result.ok == 48
    lines = [json.loads(line) for line in Path(job.output).read_bytes().splitlines()]
    assert [r["path"] for r in lines if r.get("error", {}).get("kind") == "out_of_memory"] == [
        "giant.png"
    ]


def test_a_picture_too_large_for_a_graph_that_resizes_is_out_of_memory(
    job: Job, tmp_path: Path
) -> None:
    """It goes in whole: decoded it takes 48 MB, in the graph several times 192."""
    folder = tmp_path / "mixed"
    folder.mkdir()
    for name, side in (("giant", 4000), ("small", 60), ("wide", 300)):
        assert cv2.imwrite(str(folder / f"{name}.png"), np.zeros((side, side, 3), np.uint8))
    nodes = [
        Node("Resize", ["image", "none", "none", "sizes"], "resized", {"mode": "linear"}),
        Node("ReduceMean", ["resized"], "scores", {"axes": [2, 3], "keepdims": 0}),
    ]
    constants: dict[str, Any] = {
        "none": np.zeros(0, np.float32), "sizes": np.array([1, 3, 8, 8], np.int64)
    }  # fmt: skip
    shape: list[int | str] = ["n", 3, "h", "w"]
    model = save(tmp_path / "resizes.onnx", nodes, constants, shape=shape, classes=["n", 3])
    result = run(
        replace(job, sources=(str(folder),), model=str(model), worker_memory=400, workers=1)
    )
    assert (result.ok, result.failed_by_kind) == (2, {"out_of_memory": 1})


def test_a_limit_below_what_the_model_takes_is_refused(job: Job) -> None:
    with pytest.raises(
        UsageError, match=r"--worker-memory 20 is too small: .* takes \d+ MB already"
    ):
        run(replace(job, worker_memory=20))


def test_without_a_limit_a_worker_gets_its_share_of_the_machine() -> None:
    job, machine = Job(workers=3), Machine(cores=4, memory=16_000_000_000)
    assert policy(job, decide(job, machine).workers, machine.memory).max_rss == 4_000_000_000
    limited = replace(job, worker_memory=700)
    assert policy(limited, decide(job, machine).workers, machine.memory).max_rss == 700_000_000
    assert policy(job, 4, memory=0).max_rss == 0
    assert this_machine().memory > 1 << 28
