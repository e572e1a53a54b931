"""The real program, with something in it that hangs: found in time, and the rest goes on."""

import json
import os
import signal
import time
from pathlib import Path

import pytest

from tests.support.processes import alive
from tests.support.program import Program

pytestmark = pytest.mark.runs

TIMEOUT_S = 2.0


def test_a_blocked_fifo_is_a_line_and_holds_up_nobody(
    crowd: Path, model: Path, tmp_path: Path
) -> None:
    images = tmp_path / "images"
    images.mkdir()
    for number in range(200):
        (images / f"{number:03}.png").hardlink_to(crowd / f"{number}.png")
    os.mkfifo(images / "100-blocked.png")
    holder = os.open(images / "100-blocked.png", os.O_RDWR)  # and nobody writes to it
    program = Program(images, model, tmp_path / "results.jsonl")
    code, _, err = program.end()
    os.close(holder)
    assert code == 0, err
    lines = [json.loads(line) for line in program.paths.results.read_bytes().splitlines()]
    failed = {line["path"]: line["error"]["kind"] for line in lines if line["error"]["kind"]}
    assert failed == {"100-blocked.png": "not_regular"}
    assert len(lines) == 201
    assert json.loads(program.paths.summary.read_text())["restarts"] == 0


@pytest.mark.timing
def test_a_stopped_worker_is_found_within_the_deadline_and_a_second(
    crowd: Path, model: Path, tmp_path: Path, crowd_whole: bytes
) -> None:
    options = ["--timeout", f"{TIMEOUT_S:g}"]
    program = Program(crowd, model, tmp_path / "results.jsonl", options=options)
    while not program.running(workers=2):
        assert program.process.poll() is None, program.process.communicate()
        time.sleep(0.005)
    victim = program.workers()[0]
    os.kill(victim, signal.SIGSTOP)
    began = time.monotonic()
    while alive(victim):
        assert time.monotonic() - began < 10
        time.sleep(0.005)
    took = time.monotonic() - began
    code, _, err = program.end(60)
    assert code == 0, err
    assert program.paths.results.read_bytes() == crowd_whole
    assert TIMEOUT_S - 0.5 < took < TIMEOUT_S + 1
    assert json.loads(program.paths.summary.read_text())["restarts"] == 1
