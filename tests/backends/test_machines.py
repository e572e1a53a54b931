"""What images do to workers, where these are several machines' workers: as on one machine."""

import json
import os
import signal
import threading
import time
from pathlib import Path

import pytest

from tests.support.harness import Outcome, check_lines, run_faulty
from tests.support.sockets import Sockets

pytestmark = pytest.mark.runs

INNOCENT = [f"ok.{n}" for n in range(60)]
FAULTY = ("--worker", "tests.support.faulty_worker")


@pytest.mark.parametrize("culprit", ["decode.SEGV.img", "infer.EXIT1.img", "read.KILL.img"])
def test_a_poison_image_is_convicted_as_on_one_machine(tmp_path: Path, culprit: str) -> None:
    names = [*INNOCENT[:13], culprit, *INNOCENT[13:]]
    lines = []
    for number, machines in enumerate((None, Sockets(2, *FAULTY))):
        folder = tmp_path / str(number)
        folder.mkdir()
        outcome = run_faulty(folder, names, workers=1, machines=machines)
        check_lines(outcome, names, {culprit: "worker_crash"})
        assert len([death for death in outcome.deaths if 13 in death.in_flight]) == 3
        lines.append(outcome.lines)
    assert lines[0] == lines[1]
    assert outcome.lost == [], "every machine lives on"


def test_a_hanging_image_times_out_on_its_machine(tmp_path: Path) -> None:
    names = [*INNOCENT[:13], "decode.HANG.img", *INNOCENT[13:]]
    outcome = run_faulty(tmp_path, names, timeout_s=1, machines=Sockets(2, *FAULTY))
    check_lines(outcome, names, {"decode.HANG.img": "timeout"})
    assert outcome.lost == []
    assert any(death.timeout for death in outcome.deaths)


def test_workers_that_break_the_protocol_cost_no_machine(tmp_path: Path) -> None:
    names = [*INNOCENT[:7], "send.SEGV.once.img", *INNOCENT[7:]]
    outcome = run_faulty(tmp_path, names, machines=Sockets(2, *FAULTY))
    check_lines(outcome, names, {})
    assert outcome.lost == []


def lose_one(tmp_path: Path, number: signal.Signals) -> Outcome:
    """Label slowly on two machines, one of which gets a signal when it works."""
    machines = Sockets(2, *FAULTY)
    names = [f"ok.{n}" for n in range(400)]

    def strike() -> None:
        while not machines.bytes["up"] > 20_000:
            time.sleep(0.02)
        machines.processes[1].send_signal(number)

    os.environ["FAULT_SLOW"] = "0.02"
    threading.Thread(target=strike, daemon=True).start()
    try:
        outcome = run_faulty(tmp_path, names, workers=1, machines=machines)
    finally:
        del os.environ["FAULT_SLOW"]
        machines.processes[1].send_signal(signal.SIGCONT)
        machines.processes[1].wait(60)
    check_lines(outcome, names, {})
    assert len(outcome.lost) == 1
    assert not outcome.deaths or outcome.deaths[-1].cause == "exit status 0"
    return outcome


def test_a_machine_that_dies_is_replaced_by_the_others(tmp_path: Path) -> None:
    assert lose_one(tmp_path, signal.SIGKILL).lost[0].cause == "it ended"


@pytest.mark.faults
def test_a_machine_that_is_stopped_is_given_up_and_its_late_answers_are_dropped(
    tmp_path: Path,
) -> None:
    outcome = lose_one(tmp_path, signal.SIGSTOP)
    assert outcome.lost[0].cause == "silent for 30 s"
    assert outcome.seconds < 60


def test_no_image_travels_and_a_line_costs_little_besides(tmp_path: Path) -> None:
    machines = Sockets(2, *FAULTY)
    names = [f"ok.{n:04}." + "x" * 60 for n in range(1280)]
    os.environ["FAULT_SLOW"] = "0.005"
    try:
        outcome = run_faulty(tmp_path, names, workers=1, machines=machines)
    finally:
        del os.environ["FAULT_SLOW"]
    check_lines(outcome, names, {})
    lines = sum(len(line) for line in outcome.lines)
    beside = (machines.bytes["up"] - lines) / len(names)
    assert beside <= 64, beside
    paths = sum(len(json.dumps(name)) for name in names)
    assert machines.bytes["down"] - paths <= 64 * len(names) + 20_000, "and once, the job"
