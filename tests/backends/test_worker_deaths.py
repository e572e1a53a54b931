"""Every way to die, in every stage: each image gets its line, and only culprits are blamed."""

import json
import signal
from collections.abc import Iterable
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from batchcls.coordinator.policy import Policy
from batchcls.messages import WorkerDied
from tests.support.harness import Outcome, WatchedBackend, check_lines, run_faulty

pytestmark = pytest.mark.runs

INNOCENT = [f"ok.{n}" for n in range(30)]
DEATHS = ["KILL", "SEGV", "ABRT", "BUS", "EXIT0", "EXIT1"]
IMAGE_STAGES = ["read", "decode", "preprocess", "infer"]
WORKERS = [1, 2, 5]


def table(rows: Iterable[tuple[Any, ...]], quick: set[tuple[Any, ...]]) -> list[Any]:
    """All rows; those that are not quick take minutes together and are run by `tox -e faults`."""
    return [pytest.param(*r, marks=() if r in quick else pytest.mark.faults) for r in rows]


def blamed(outcome: Outcome, index: int) -> list[WorkerDied]:
    return [death for death in outcome.deaths if index in death.in_flight]


@pytest.mark.parametrize(
    ("stage", "how", "workers"),
    table(
        product(IMAGE_STAGES, DEATHS, WORKERS),
        {(s, "SEGV", 2) for s in IMAGE_STAGES} | {("decode", how, 2) for how in DEATHS},
    ),
)
def test_an_image_that_kills_its_worker_is_convicted_alone(
    tmp_path: Path, stage: str, how: str, workers: int
) -> None:
    culprit = f"{stage}.{how}.img"
    names = [*INNOCENT[:13], culprit, *INNOCENT[13:]]
    outcome = run_faulty(tmp_path, names, workers=workers)
    check_lines(outcome, names, {culprit: "worker_crash"})
    assert len(outcome.deaths) <= 3 + workers  # three for the culprit; all leave at the end
    assert len(blamed(outcome, 13)) == 3
    where = json.loads(outcome.lines[13])["error"]["message"]
    assert stage in where
    assert ("exit status" if how.startswith("EXIT") else f"SIG{how}") in where


@pytest.mark.parametrize(
    ("stage", "how", "workers"),
    table(
        product(["read", "decode", "preprocess"], ["MEMORY", "RAISE"], WORKERS),
        {("decode", "MEMORY", 2), ("preprocess", "RAISE", 2)},
    ),
)
def test_an_exception_is_that_images_failure_and_kills_nobody(
    tmp_path: Path, stage: str, how: str, workers: int
) -> None:
    culprit = f"{stage}.{how}.img"
    names = [*INNOCENT[:5], culprit, *INNOCENT[5:]]
    outcome = run_faulty(tmp_path, names, workers=workers)
    check_lines(outcome, names, {culprit: "out_of_memory" if how == "MEMORY" else "corrupt"})
    assert [d.cause for d in outcome.deaths] == ["exit status 0"] * workers


@pytest.mark.faults
@pytest.mark.parametrize("how", ["MEMORY", "RAISE"])
@pytest.mark.parametrize("workers", WORKERS)
def test_an_exception_out_of_the_device_convicts_its_image(
    tmp_path: Path, how: str, workers: int
) -> None:
    culprit = f"infer.{how}.img"
    names = [*INNOCENT[:5], culprit, *INNOCENT[5:]]
    outcome = run_faulty(tmp_path, names, workers=workers)
    check_lines(outcome, names, {culprit: "worker_crash"})
    assert len(blamed(outcome, 5)) == 3


@pytest.mark.parametrize(
    ("stage", "how", "workers"),
    table(
        product(["receive", "send"], [*DEATHS, "STOP", "MEMORY", "RAISE"], WORKERS),
        {("receive", "KILL", 1), ("send", "SEGV", 2), ("send", "EXIT0", 5)},
    ),
)
def test_a_death_between_images_blames_none(
    tmp_path: Path, stage: str, how: str, workers: int
) -> None:
    names = [*INNOCENT[:7], f"{stage}.{how}.once.img", *INNOCENT[7:]]
    outcome = run_faulty(tmp_path, names, workers=workers, timeout_s=1 if how == "STOP" else 20)
    check_lines(outcome, names, {})


@pytest.mark.parametrize("number", ["KILL", "SEGV", "ABRT", "BUS", "TERM", "STOP"])
@pytest.mark.parametrize(
    "workers", [2, *(pytest.param(n, marks=pytest.mark.faults) for n in (1, 5))]
)
def test_workers_killed_while_idle_are_replaced(tmp_path: Path, workers: int, number: str) -> None:
    """SIGTERM is ignored by workers: their coordinator decides when they leave."""
    killed: list[int] = []

    def kill_each_once(backend: WatchedBackend) -> None:
        for worker in backend.ready:
            if len(killed) < workers:
                process = backend.processes[worker].popen
                killed.append(process.pid)
                process.send_signal(getattr(signal, f"SIG{number}"))

    timeout_s = 1 if number == "STOP" else 20
    outcome = run_faulty(
        tmp_path, INNOCENT, workers=workers, interfere=kill_each_once, timeout_s=timeout_s
    )
    check_lines(outcome, INNOCENT, {})
    assert len(killed) == workers


@pytest.mark.parametrize(
    ("stage", "how", "workers"),
    table(
        product(IMAGE_STAGES, ["HANG", "STOP"], WORKERS),
        {("decode", "HANG", 2), ("infer", "STOP", 2)},
    ),
)
def test_an_image_that_hangs_its_worker_is_convicted_within_the_deadline(
    tmp_path: Path, stage: str, how: str, workers: int
) -> None:
    culprit = f"{stage}.{how}.img"
    names = [*INNOCENT[:3], culprit, *INNOCENT[3:]]
    outcome = run_faulty(tmp_path, names, timeout_s=1, workers=workers)
    check_lines(outcome, names, {culprit: "timeout"})
    # (That each deadline is met within a second is in test_hangs.)
    assert len([death for death in blamed(outcome, 3) if death.timeout]) == 3


@pytest.mark.timeout(120)
@pytest.mark.parametrize("one_in", [100, pytest.param(10, marks=pytest.mark.faults)])
def test_poison_among_many_loses_nobody(tmp_path: Path, one_in: int) -> None:
    names = [f"decode.SEGV.{n}.img" if n % one_in == 7 else f"ok.{n}" for n in range(100)]
    culprits = {name: "worker_crash" for name in names if name.startswith("decode")}
    outcome = run_faulty(tmp_path, names, decode_threads=1)
    check_lines(outcome, names, culprits)
    assert len(outcome.deaths) <= 3 * len(culprits) + 2


def test_when_every_image_kills_the_run_stops_without_lines(tmp_path: Path) -> None:
    names = [f"decode.SEGV.{n}.img" for n in range(50)]
    outcome = run_faulty(tmp_path, names, workers=2)
    assert "no image succeeded" in outcome.halted
    assert outcome.lines == []
    assert outcome.seconds < 30


def test_when_the_canary_is_killed_too_the_model_is_at_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAULT_CANARY", "1")
    names = [f"infer.SEGV.{n}.img" for n in range(50)]
    outcome = run_faulty(tmp_path, names, workers=2)
    assert "test image" in outcome.halted
    assert outcome.lines == []
    assert outcome.seconds < 30


@pytest.mark.parametrize("how", ["SEGV", "EXIT1", "RAISE"])
def test_workers_that_die_loading_stop_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setenv("FAULT_LOADING", how)
    outcome = run_faulty(tmp_path, INNOCENT)
    assert "load the model" in outcome.halted
    assert outcome.lines == []


def test_a_worker_above_its_memory_bound_is_replaced(tmp_path: Path) -> None:
    outcome = run_faulty(tmp_path, INNOCENT, policy=Policy(chunk=4, max_rss=1, growth=0))
    check_lines(outcome, INNOCENT, {})
    assert len(outcome.deaths) > 4
    assert {d.cause for d in outcome.deaths} == {"exit status 0"}
