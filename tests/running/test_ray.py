"""Whole runs on the nodes of a real Ray cluster, which are killed, stopped and cut off meanwhile.

Run by `tox -e ray`, which has Ray. All nodes are on this machine.
"""

import contextlib
import json
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from batchcls.job.job import Job
from batchcls.running.run import run
from tests.support.processes import PATIENCE_S, gone_within, words
from tests.support.program import Program
from tests.support.ray_nodes import STRIKES, RayNodes, Wire, of_ours
from tests.support.tree import ROOT

pytest.importorskip("ray", reason="tox -e ray")
pytestmark = [pytest.mark.runs, pytest.mark.filterwarnings("default"), pytest.mark.timeout(300)]

AGAIN_S = 45.0
"""Seconds within which others have labelled again what a lost node had."""

END_S = 10.0
"""Seconds within which nothing of a run is left on any node."""

TRAP = """
import os, signal, sys, time

def trap(event, about):
    if event == "open" and isinstance(about[0], (str, bytes)):
        name = os.path.basename(os.fsdecode(about[0]))
        if name.startswith("deadly"):
            os.kill(os.getpid(), signal.SIGSEGV)
        if name.startswith("hanging"):
            time.sleep(3600)
        if name.endswith(".png"):
            time.sleep(0.002)

if "batchcls.worker" in sys.orig_argv:
    sys.addaudithook(trap)
"""
"""For `sitecustomize`: a worker dies or hangs when it opens images of these names, and takes its
time with all others, so that a run lasts until each node has joined it."""

MANY = 10_000


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RayNodes]:
    trap = tmp_path_factory.mktemp("trap")
    (trap / "sitecustomize.py").write_text(TRAP)
    path = os.environ["PYTHONPATH"]
    os.environ["PYTHONPATH"] = os.pathsep.join([path, str(trap)])
    cluster = RayNodes(tmp_path_factory.mktemp("home"), 1, 1)
    yield cluster
    cluster.close()
    os.environ["PYTHONPATH"] = path


@pytest.fixture(autouse=True)
def _address(nodes: RayNodes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", nodes.address)


@pytest.fixture
def add(nodes: RayNodes) -> Iterator[Callable[..., Any]]:
    """Adds nodes of one processor, which are gone after the test."""
    added: list[Any] = []

    def one(**how: Any) -> Any:
        added.append(nodes.add(1, **how))
        return added[-1]

    yield one
    for node in added:
        nodes.remove(node)


@pytest.fixture(scope="module")
def many(crowd: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Names of a few small images, fewer than the crowd."""
    folder = tmp_path_factory.mktemp("many")
    for number in range(MANY):
        (folder / f"{number}.png").hardlink_to(crowd / f"{number}.png")
    return folder


@pytest.fixture(scope="module")
def whole(many: Path, model: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What an undisturbed run on one machine writes."""
    output = tmp_path_factory.mktemp("whole") / "results.jsonl"
    run(Job(sources=(str(many),), model=str(model), output=str(output), progress="none"))
    return output.read_bytes()


@pytest.fixture
def cluster_run(many: Path, model: Path, tmp_path: Path) -> Iterator[Callable[..., Program]]:
    """Starts the run on the cluster, or goes on with it."""
    started: list[Program] = []

    def begin(*options: str) -> Program:
        options = ("-w", "1", "--cluster", "ray", *options)
        started.append(Program(many, model, tmp_path / "results.jsonl", options=options))
        return started[-1]

    yield begin
    for program in started:
        with contextlib.suppress(ProcessLookupError):
            program.process.kill()
        program.process.communicate()


def at_work(program: Program, workers: int) -> None:
    """Wait until so many workers are."""
    deadline = time.monotonic() + 2 * PATIENCE_S
    while not program.running(workers):
        assert program.process.poll() is None, program.process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def complete(program: Program, whole: bytes) -> str:
    """See a run through to the right end; what it said on standard error."""
    code, _, err = program.end(AGAIN_S + PATIENCE_S)
    assert code == 0, err
    assert program.paths.results.read_bytes() == whole
    return err


@pytest.mark.parametrize("machines", [2, 4])
def test_the_bytes_are_those_of_one_machine(
    machines: int,
    add: Callable[..., Any],
    cluster_run: Callable[..., Program],
    whole: bytes,
) -> None:
    for _ in range(machines - 2):
        add()
    program = cluster_run()
    at_work(program, machines)
    complete(program, whole)


def test_a_node_that_joins_during_the_run_works_too(
    add: Callable[..., Any], cluster_run: Callable[..., Program], whole: bytes
) -> None:
    program = cluster_run()
    at_work(program, 2)
    add()
    at_work(program, 3)
    complete(program, whole)


@pytest.mark.parametrize("again", [1, 2])
@pytest.mark.parametrize("strike", STRIKES.values(), ids=STRIKES)
def test_a_lost_node_costs_no_line(
    strike: Callable[[Any], None],
    again: int,
    add: Callable[..., Any],
    cluster_run: Callable[..., Program],
    whole: bytes,
) -> None:
    node = add()
    program = cluster_run()
    at_work(program, 3)
    time.sleep(0.3 * again)
    began = time.monotonic()
    strike(node)
    complete(program, whole)
    assert time.monotonic() - began < AGAIN_S + PATIENCE_S


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make networks")
@pytest.mark.parametrize("again", [1, 2])
def test_a_node_that_is_cut_off_costs_no_line(
    again: int,
    add: Callable[..., Any],
    cluster_run: Callable[..., Program],
    whole: bytes,
) -> None:
    wire = Wire(again)
    try:
        with wire.inside():
            node = add(node_ip_address=wire.address)
        program = cluster_run()
        at_work(program, 3)
        left = [pid for pid in of_ours([node]) if "batchcls" in words(pid)]
        assert len(left) == 2  # the agent and its worker
        wire.cut()
        began = time.monotonic()
        complete(program, whole)
        # It ends by itself, though nobody can tell it to.
        assert gone_within(left, began + AGAIN_S - time.monotonic())
    finally:
        wire.remove()


def test_a_killed_driver_leaves_nothing_and_another_goes_on(
    nodes: RayNodes, cluster_run: Callable[..., Program], whole: bytes
) -> None:
    for _ in range(2):
        program = cluster_run()
        at_work(program, 2)
        left = of_ours(nodes.nodes)
        assert len(left) >= 6  # an actor, an agent and a worker on each
        program.process.kill()
        program.process.communicate()
        assert gone_within(left, END_S)
    complete(cluster_run(), whole)


@pytest.mark.parametrize(("number", "count"), [(signal.SIGINT, 1), (signal.SIGINT, 2),
                                               (signal.SIGTERM, 1)])  # fmt: skip
def test_a_stopped_run_leaves_nothing_anywhere(
    number: signal.Signals, count: int, nodes: RayNodes, cluster_run: Callable[..., Program]
) -> None:
    program = cluster_run()
    at_work(program, 2)
    left = of_ours(nodes.nodes)
    for _ in range(count):
        os.killpg(program.process.pid, number)  # as a terminal does
        time.sleep(0.1)
    code, _, err = program.end()
    assert code == -number, err  # 128 + the number, for a shell
    assert gone_within(left, END_S)


def test_deadly_and_hanging_images_are_convicted_as_on_one_machine(
    nodes: RayNodes, crowd: Path, model: Path, tmp_path: Path
) -> None:
    images = tmp_path / "images"
    images.mkdir()
    for number in range(600):
        (images / f"{number:03}.png").hardlink_to(crowd / f"{number}.png")
    for name in ("deadly-1.png", "deadly-2.png", "hanging.png"):
        (images / name).hardlink_to(crowd / "1.png")
    timeout = ("--timeout", "2")
    here = Program(images, model, tmp_path / "here.jsonl", options=timeout)
    assert here.end()[0] == 0
    options = (*timeout, "-w", "1", "--cluster", "ray")
    there = Program(images, model, tmp_path / "there.jsonl", options=options)
    complete(there, here.paths.results.read_bytes())
    failed = [
        json.loads(line)["error"]["kind"]
        for line in there.paths.results.read_bytes().splitlines()
        if b'"top":[]' in line
    ]
    assert sorted(failed) == ["timeout", "worker_crash", "worker_crash"]
    assert "lost" not in (tmp_path / "there.jsonl.job/log").read_text()


def test_a_node_with_another_version_is_left_out_by_name(
    add: Callable[..., Any],
    cluster_run: Callable[..., Program],
    whole: bytes,
    tmp_path: Path,
) -> None:
    other = tmp_path / "other"
    shutil.copytree(ROOT / "batchcls", other / "batchcls")
    version = other / "batchcls/version.py"
    version.write_text(version.read_text().replace('__version__ = "', '__version__ = "9.'))
    add(env_vars={"PYTHONPATH": str(other)})
    program = cluster_run()
    complete(program, whole)
    log = (tmp_path / "results.jsonl.job/log").read_text()
    assert log.count(" is left out: ") == 1
    assert "batchcls is 9." in log


def test_a_node_without_batchcls_is_left_out_by_name(
    add: Callable[..., Any],
    cluster_run: Callable[..., Program],
    whole: bytes,
    tmp_path: Path,
) -> None:
    (tmp_path / "other/batchcls").mkdir(parents=True)
    (tmp_path / "other/batchcls/__init__.py").touch()
    add(env_vars={"PYTHONPATH": str(tmp_path / "other")})
    program = cluster_run()
    complete(program, whole)
    log = (tmp_path / "results.jsonl.job/log").read_text()
    assert log.count(" is left out: ") == 1
    assert "ended: exit status 1: " in log
    assert "batchcls.backends" in log


def test_nothing_of_rays_reaches_the_terminal(
    add: Callable[..., Any], cluster_run: Callable[..., Program], whole: bytes
) -> None:
    node = add()
    program = cluster_run("--progress", "none")
    at_work(program, 3)
    STRIKES["killed"](node)
    err = complete(program, whole)
    assert "aylet" not in err
    assert "ray::" not in err
