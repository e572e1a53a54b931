"""Several Ray nodes on this machine, each with a raylet of its own, as `ray.cluster_utils` does it.

Only for `tox -e ray`, which has Ray.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.support.processes import PATIENCE_S, alive, children, words

STORE = 150 << 20
"""Bytes of each node's object store, about the least that Ray takes."""


class RayNodes:
    """A head without processors, and nodes that have some."""

    def __init__(self, home: Path, *processors: int) -> None:
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
        os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112 - Ray's spelling; as without Ray
        os.environ["HOME"] = str(home)  # Ray keeps a token there
        from ray.cluster_utils import Cluster

        head = {"num_cpus": 0, "object_store_memory": STORE, "include_dashboard": False}
        self._cluster: Any = Cluster(initialize_head=True, head_node_args=head)
        self.nodes = [self.add(count) for count in processors]

    @property
    def address(self) -> str:
        return str(self._cluster.address)

    def add(self, processors: int, **how: Any) -> Any:
        """A further node; `how` are words of `Cluster.add_node`."""
        return self._cluster.add_node(num_cpus=processors, object_store_memory=STORE, **how)

    def remove(self, node: Any) -> None:
        """End a node at once, as Ray's own tests do; it may be gone already."""
        for pid in tree(raylet(node)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        with contextlib.suppress(Exception):  # of whatever kind, it is to go
            self._cluster.remove_node(node, allow_graceful=False)

    def close(self) -> None:
        self._cluster.shutdown()


def raylet(node: Any) -> int:
    """The process that is a node, for Ray."""
    return int(node.all_processes["raylet"][0].process.pid)


def tree(pid: int) -> list[int]:
    """A process and all that it, and those, have started."""
    found = [pid]
    for one in found:
        found += children(one)
    return found


def agent(node: Any) -> int:
    """The process of a node's agent; waits for it."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        for pid in tree(raylet(node)):
            if alive(pid) and "--cores" in words(pid):
                return pid
        time.sleep(0.05)
    raise AssertionError("no agent")


def of_ours(nodes: list[Any]) -> list[int]:
    """The processes of a run on these nodes: actors, agents, workers."""
    everybody = [pid for node in nodes for pid in tree(raylet(node))]
    actors = [pid for pid in everybody if "NodeActor" in words(pid)]
    return [pid for actor in actors for pid in tree(actor)]


def _killed(node: Any) -> None:
    """The raylet dies; Ray's own processes on the node end with it."""
    os.kill(raylet(node), signal.SIGKILL)


def _bereft(node: Any) -> None:
    """The agent dies."""
    os.kill(agent(node), signal.SIGKILL)


def _stopped(node: Any) -> None:
    """Nothing on the node moves any more, and its connections stay as they are."""
    for pid in tree(raylet(node)):
        os.kill(pid, signal.SIGSTOP)


STRIKES: dict[str, Callable[[Any], None]] = {
    "killed": _killed,
    "bereft": _bereft,
    "stopped": _stopped,
}
"""Ways to lose a node, by name."""


class Wire:
    """A network of its own for one node, with a wire to everybody else's that can be cut.

    Only root may make one.
    """

    def __init__(self, number: int) -> None:
        self._name = f"batchcls{number}"
        self._host, self.address = f"10.77.{number}.1", f"10.77.{number}.2"
        for line in (
            f"netns add {self._name}",
            f"link add {self._name} type veth peer name eth0 netns {self._name}",
            f"addr add {self._host}/24 dev {self._name}",
            f"link set {self._name} up",
            f"-n {self._name} addr add {self.address}/24 dev eth0",
            f"-n {self._name} link set lo up",
            f"-n {self._name} link set eth0 up",
            f"-n {self._name} route add default via {self._host}",
        ):
            subprocess.run(["ip", *line.split()], check=True)

    @contextlib.contextmanager
    def inside(self) -> Iterator[None]:
        """What is started meanwhile has this network."""
        libc = ctypes.CDLL(None, use_errno=True)
        here = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        there = os.open(f"/run/netns/{self._name}", os.O_RDONLY)
        try:
            assert libc.setns(there, 0) == 0
            yield
        finally:
            assert libc.setns(here, 0) == 0
            os.close(here)
            os.close(there)

    def cut(self) -> None:
        """Nothing goes through any more, in either direction, and nobody is told."""
        subprocess.run(["ip", "link", "set", self._name, "down"], check=True)

    def remove(self) -> None:
        subprocess.run(["ip", "link", "del", self._name], check=False)
        subprocess.run(["ip", "netns", "del", self._name], check=False)
