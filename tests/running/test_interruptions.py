"""The real program, interrupted: right exit status, nobody left behind, the same bytes after."""

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.support.processes import PATIENCE_S, gone_within
from tests.support.program import Program

pytestmark = pytest.mark.runs

COUNT = 400
SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images that take a few milliseconds each: links to a few, all under names of their own."""
    folder = tmp_path_factory.mktemp("many")
    chance = np.random.default_rng(1)
    for number in range(4):
        pixels = chance.integers(0, 255, (400, 400, 3), np.uint8)
        assert cv2.imwrite(str(folder / f"{number}.png"), pixels)
    for number in range(4, COUNT):
        os.link(folder / f"{number % 4}.png", folder / f"{number}.png")
    return folder


@pytest.fixture(scope="module")
def whole(many: Path, model: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What an undisturbed run writes."""
    output = tmp_path_factory.mktemp("whole") / "results.jsonl"
    code, _, err = Program(many, model, output).end()
    assert code == 0, err
    return output.read_bytes()


def test_who_is_to_be_told_of_the_end_is_told_of_a_signal(
    many: Path, model: Path, tmp_path: Path
) -> None:
    told = tmp_path / "told"
    line = f"sh -c 'echo $BATCHCLS_EXIT_CODE >> {told}; cat >> {told}'"
    options = ("--on-end", line, "--number-iter", "50")
    program = Program(many, model, tmp_path / "results.jsonl", options=options)
    program.wait_for_work()
    program.process.send_signal(signal.SIGINT)
    code, _, err = program.end()
    assert code == -signal.SIGINT, err
    first, summary = told.read_text().splitlines()
    assert first == "130"
    assert '"state": "interrupted"' in summary


def finish(many: Path, model: Path, output: Path, whole: bytes) -> None:
    code, _, err = Program(many, model, output).end()
    assert code == 0, err
    assert output.read_bytes() == whole


@pytest.fixture
def output(tmp_path: Path) -> Iterator[Path]:
    """Where the results go; afterwards nothing of a run but its results is left."""
    yield tmp_path / "results.jsonl"
    assert {p.name for p in tmp_path.iterdir()} <= {"results.jsonl", "results.jsonl.job"}
    left = {p.name for p in (tmp_path / "results.jsonl.job").iterdir()}
    assert left <= {
        "manifest.json", "inputs", "lock", "progress.json", "log", "summary.json", "commit", "pace",
    }  # fmt: skip


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("whom", ["process", "group"])
def test_a_stop_signal_drains_and_the_same_command_goes_on(
    many: Path, model: Path, output: Path, whole: bytes, number: signal.Signals, whom: str
) -> None:
    program = Program(many, model, output)
    program.wait_for_work()
    workers = program.workers()
    (os.kill if whom == "process" else os.killpg)(program.process.pid, number)
    code, _, err = program.end()
    assert code == -number
    assert "same command" in err
    assert gone_within(workers)
    assert whole.startswith(program.paths.part.read_bytes())
    finish(many, model, output, whole)


@pytest.mark.timing  # a drain would end it, too, but later
def test_a_second_signal_stops_at_once(many: Path, model: Path, output: Path, whole: bytes) -> None:
    program = Program(many, model, output)
    program.wait_for_work()
    workers = program.workers()
    for worker in workers:
        os.kill(worker, signal.SIGSTOP)  # nothing will ever drain
    program.process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    program.process.send_signal(signal.SIGINT)
    code, _, _ = program.end(3)
    assert code == -signal.SIGINT
    assert gone_within(workers, 2)
    finish(many, model, output, whole)


def test_a_drain_ends_though_a_worker_hangs(
    many: Path, model: Path, output: Path, whole: bytes
) -> None:
    program = Program(many, model, output)
    program.wait_for_work()
    workers = program.workers()
    os.kill(workers[0], signal.SIGSTOP)
    program.process.send_signal(signal.SIGTERM)
    code, _, _ = program.end()
    assert code == -signal.SIGTERM
    assert gone_within(workers)
    finish(many, model, output, whole)


@pytest.mark.timing
@pytest.mark.parametrize("hangs", [False, True])
@pytest.mark.parametrize("number", SIGNALS)
def test_a_drain_takes_less_than_five_seconds(
    many: Path, model: Path, tmp_path: Path, number: signal.Signals, hangs: bool
) -> None:
    program = Program(many, model, tmp_path / "results.jsonl")
    program.wait_for_work()
    workers = program.workers()
    if hangs:
        os.kill(workers[0], signal.SIGSTOP)
    program.process.send_signal(number)
    assert program.end(5)[0] == -number
    assert gone_within(workers, 2)


def test_under_nohup_a_hangup_is_ignored(
    many: Path, model: Path, output: Path, whole: bytes
) -> None:
    program = Program(many, model, output, "nohup")
    program.wait_for_work()
    program.process.send_signal(signal.SIGHUP)
    code, _, err = program.end()
    assert code == 0, err
    assert output.read_bytes() == whole


def test_a_closed_output_does_not_end_the_run(
    many: Path, model: Path, output: Path, whole: bytes
) -> None:
    program = Program(many, model, output)
    assert program.process.stdout is not None
    assert program.process.stderr is not None
    program.process.stdout.close()
    program.process.stderr.close()
    assert program.process.wait(PATIENCE_S) == 0
    assert output.read_bytes() == whole


def test_a_closed_output_does_not_fail_a_run_that_is_complete(
    many: Path, model: Path, output: Path, whole: bytes
) -> None:
    assert Program(many, model, output).end()[0] == 0
    again = Program(many, model, output)
    assert again.process.stdout is not None
    again.process.stdout.close()
    assert again.process.wait(PATIENCE_S) == 0
    assert again.process.stderr is not None
    assert again.process.stderr.read() == ""
    again.process.stderr.close()
    assert output.read_bytes() == whole


def test_a_full_terminal_device_does_not_end_the_run(
    many: Path, model: Path, output: Path, whole: bytes
) -> None:
    with Path("/dev/full").open("w") as full:
        program = Program(many, model, output, stdout=full, stderr=full)
        assert program.process.wait(PATIENCE_S) in (0, 1)
    assert output.read_bytes() == whole


def test_a_second_run_on_the_same_output_is_refused_and_touches_nothing(
    many: Path, model: Path, output: Path, whole: bytes
) -> None:
    first = Program(many, model, output)
    first.wait_for_work()
    first.process.send_signal(signal.SIGSTOP)  # so that it is there however slow the machine is
    before = first.paths.part.read_bytes()
    code, _, err = Program(many, model, output).end()
    first.process.kill()
    first.end()
    assert code == 2
    assert str(first.process.pid) in err
    assert first.paths.part.read_bytes() == before
    finish(many, model, output, whole)


def test_workers_killed_while_it_runs_change_nothing(
    many: Path, model: Path, output: Path, whole: bytes
) -> None:
    program = Program(many, model, output)
    program.wait_for_work()
    for _ in range(3):
        workers = program.workers()
        if workers:
            os.kill(random.Random(3).choice(workers), signal.SIGKILL)
        time.sleep(0.3)
    code, _, err = program.end()
    assert code == 0, err
    assert output.read_bytes() == whole
    # Not its restarts: the others may be done before a new one is ready.
    assert "died (SIGKILL" in program.paths.log.read_text()


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_ends_a_run_that_waits_for_its_list(
    model: Path, tmp_path: Path, number: signal.Signals
) -> None:
    program = Program(Path("-"), model, tmp_path / "results.jsonl", stdin=subprocess.PIPE)
    directory = program.paths.directory
    deadline = time.monotonic() + PATIENCE_S
    while len(program.workers()) < 2 or not (directory / "next").exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    workers = program.workers()
    time.sleep(0.3)
    program.process.send_signal(number)
    assert program.process.wait(PATIENCE_S) == -number
    for stream in (program.process.stdin, program.process.stdout, program.process.stderr):
        assert stream is not None
        stream.close()
    assert gone_within(workers)
    assert not program.paths.part.exists()
