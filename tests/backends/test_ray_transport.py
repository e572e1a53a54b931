"""Bytes to and from programs on the nodes of a real Ray cluster, which come, go, die and hang.

Run by `tox -e ray`, which has Ray; in place of the agent is a program that says all again.
"""

import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from batchcls.backends.ray_actor import MOST
from batchcls.backends.ray_transport import RayTransport
from batchcls.backends.transport import Arrival, Closed, Opened, Received
from batchcls.errors import UsageError
from tests.support.processes import PATIENCE_S, alive, gone_within, words
from tests.support.ray_nodes import RayNodes, agent, raylet, tree

pytest.importorskip("ray", reason="tox -e ray")
pytestmark = [pytest.mark.runs, pytest.mark.filterwarnings("default")]

ECHO = """
import json, os, socket, sys
stream = socket.socket(fileno=int(sys.argv[sys.argv.index("--fd") + 1]))
about = {"words": sys.argv, "directory": os.getcwd(), "environment": dict(os.environ),
         "oom": int(open("/proc/self/oom_score_adj").read())}
while data := stream.recv(1 << 16):
    if data.startswith(b"end"):
        print("out of luck", flush=True)
        sys.exit(7)
    stream.sendall(json.dumps(about).encode() if data == b"about" else data)
"""


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RayNodes]:
    cluster = RayNodes(tmp_path_factory.mktemp("home"), 1, 2)
    yield cluster
    cluster.close()


@pytest.fixture
def transport(
    nodes: RayNodes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[RayTransport]:
    monkeypatch.setenv("RAY_ADDRESS", nodes.address)
    opened = RayTransport(tmp_path / "log", ("-P", "-c", ECHO))
    opened.open()
    yield opened
    opened.close()


def arrivals(transport: RayTransport, count: int) -> list[Arrival]:
    """So many, and in a reasonable time."""
    got: list[Arrival] = []
    deadline = time.monotonic() + PATIENCE_S
    while len(got) < count:
        assert time.monotonic() < deadline, got
        got += transport.receive(1.0)
    return got


def received(transport: RayTransport, size: int) -> bytes:
    data = b""
    while len(data) < size:
        data += b"".join(a.data for a in arrivals(transport, 1) if isinstance(a, Received))
    return data


def test_each_node_gets_one_agent_and_its_stream_arrives_in_order(transport: RayTransport) -> None:
    assert {*arrivals(transport, 2)} == {Opened(1), Opened(2)}
    sent = os.urandom(20 * MOST + 1)
    for at in range(0, len(sent), 99_991):
        transport.send(1, sent[at : at + 99_991])
    assert received(transport, len(sent)) == sent
    transport.send(2, b"still there")
    assert received(transport, 11) == b"still there"


def test_an_agent_finds_nothing_of_rays_around_it(transport: RayTransport) -> None:
    import json

    arrivals(transport, 2)
    cores = set()
    for machine in (1, 2):
        transport.send(machine, b"about")
        data = b""
        while not data.endswith(b"}"):
            data += received(transport, 1)
        about = json.loads(data)
        asked = about["words"]
        cores.add(asked[asked.index("--cores") + 1])
        assert about["directory"] == "/"
        assert about["oom"] <= 200  # below its workers'
        names = about["environment"]
        assert not {"OMP_NUM_THREADS", "PYTHONBREAKPOINT", "SPT_NOENV"} & {*names}
        assert not [name for name in names if name.startswith("RAY_")]
    assert cores == {"1", "2"}


def test_an_agent_that_ends_is_closed_with_its_status(transport: RayTransport) -> None:
    arrivals(transport, 2)
    transport.send(1, b"end")  # before it has said a word, so that nobody knows its name
    ended = f"the agent on {socket.gethostname()} ended: exit status 7: out of luck"
    assert arrivals(transport, 1) == [Closed(1, ended)]
    transport.send(2, b"a word")
    assert received(transport, 6) == b"a word"
    transport.send(2, b"end")
    assert arrivals(transport, 1) == [Closed(2, "its agent ended: exit status 7: out of luck")]


def test_a_dropped_agent_dies_and_is_heard_no_more(
    transport: RayTransport, nodes: RayNodes
) -> None:
    arrivals(transport, 2)
    pids = [agent(node) for node in nodes.nodes]
    transport.drop(1)
    deadline = time.monotonic() + PATIENCE_S
    while all(map(alive, pids)):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert transport.receive(0.5) == []


@pytest.mark.parametrize("whom", ["raylet", "actor", "agent"])
def test_a_node_that_is_killed_is_closed_and_another_joins(
    transport: RayTransport, nodes: RayNodes, whom: str
) -> None:
    # A node of an earlier test may still be thought alive, and have one of the first numbers.
    kept = arrivals(transport, 2)[1].machine
    node = nodes.add(1)
    try:
        (opened,) = arrivals(transport, 1)
        assert isinstance(opened, Opened)
        victim = agent(node)
        all_of_it = tree(raylet(node))
        if whom == "actor":
            victim = next(pid for pid in all_of_it if "NodeActor" in words(pid))
        elif whom == "raylet":
            victim = raylet(node)
        os.kill(victim, signal.SIGKILL)
        (closed,) = arrivals(transport, 1)
        assert isinstance(closed, Closed)
        assert closed.machine == opened.machine
        assert closed.cause
        transport.send(opened.machine, b"nobody hears that")
    finally:
        nodes.remove(node)
    transport.send(kept, b"still there")
    assert received(transport, 11) == b"still there"


@pytest.mark.parametrize("way", ["closed", "killed"])
def test_no_actor_and_no_agent_outlives_the_driver(
    nodes: RayNodes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", nodes.address)
    transport = RayTransport(tmp_path / "log", ("-P", "-c", ECHO))
    transport.open()
    arrivals(transport, 2)
    agents = [agent(node) for node in nodes.nodes]
    everybody = [pid for node in nodes.nodes for pid in tree(raylet(node))]
    actors = [pid for pid in everybody if "NodeActor" in words(pid)]
    assert len(actors) == 2
    begin = time.monotonic()
    if way == "killed":  # as the kernel does when the driver is
        assert transport._process is not None
        transport._process.kill()
        assert {type(a) for a in arrivals(transport, 2)} == {Closed}
        assert not transport.expecting
    transport.close()
    assert time.monotonic() - begin < 5.0
    assert gone_within([*agents, *actors], 10.0)


def test_what_ray_prints_stays_out_of_the_terminal(
    transport: RayTransport, nodes: RayNodes, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    arrivals(transport, 2)
    capfd.readouterr()
    transport.close()
    out, err = capfd.readouterr()
    assert (out, err) == ("", "")


def test_a_cluster_that_does_not_answer_is_named(
    nodes: RayNodes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    with pytest.raises(UsageError, match=r"^no Ray cluster can be reached at 127\.0\.0\.1:1: "):
        RayTransport(tmp_path / "log").open()
