"""Several Ray nodes on this machine, each with a raylet of its own, as `ray.cluster_utils` does it.

Only for `tox -e ray`, which has Ray.
"""

import contextlib
import os
import signal
import time
from pathlib import Path
from typing import Any

from tests.support.processes import PATIENCE_S, alive, children, words

STORE = 150 << 20
"""Bytes of each node's object store, about the least that Ray takes."""


class RayNodes:
    """A head without processors, and nodes that have some."""

    def __init__(self, home: Path, *processors: int) -> None:
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
        os.environ["HOME"] = str(home)  # Ray keeps a token there
        from ray.cluster_utils import Cluster

        head = {"num_cpus": 0, "object_store_memory": STORE, "include_dashboard": False}
        self._cluster: Any = Cluster(initialize_head=True, head_node_args=head)
        self.nodes = [self.add(count) for count in processors]

    @property
    def address(self) -> str:
        return str(self._cluster.address)

    def add(self, processors: int, **variables: str) -> Any:
        """A further node, with these environment variables."""
        return self._cluster.add_node(
            num_cpus=processors, object_store_memory=STORE, env_vars=variables
        )

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
