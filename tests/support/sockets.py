"""Agents of this machine, each at the end of a socket pair: a transport without launcher or Ray."""

import contextlib
import selectors
import socket
import subprocess

from batchcls.backends import launch
from batchcls.backends.transport import Arrival, Closed, Opened, Received


class Sockets:
    """So many agents.

    Args:
        agents: how many.
        options: of each.
    """

    def __init__(self, agents: int, *options: str) -> None:
        self._agents, self._options = agents, options
        self._selector = selectors.DefaultSelector()
        self._sockets: dict[int, socket.socket] = {}
        self._waiting: list[Arrival] = []
        self.processes: dict[int, subprocess.Popen[bytes]] = {}
        self.bytes = {"up": 0, "down": 0}

    expecting = False
    trouble = ""

    def open(self) -> None:
        for machine in range(1, self._agents + 1):
            ours, theirs = socket.socketpair()
            with theirs:
                number = theirs.fileno()
                self.processes[machine] = subprocess.Popen(
                    launch.command("batchcls.backends.agent", "--fd", str(number), *self._options),
                    pass_fds=[number],
                )
            self._sockets[machine] = ours
            self._selector.register(ours, selectors.EVENT_READ, machine)
            self._waiting.append(Opened(machine))

    def watch(self, descriptor: int) -> None:
        self._selector.register(descriptor, selectors.EVENT_READ, None)

    def send(self, machine: int, data: bytes) -> None:
        if machine in self._sockets:
            self.bytes["down"] += len(data)
            with contextlib.suppress(OSError):  # the read side will notice
                self._sockets[machine].sendall(data)

    def receive(self, timeout_s: float) -> list[Arrival]:
        arrivals, self._waiting = self._waiting, []
        for key, _ in self._selector.select(0.0 if arrivals else timeout_s):
            if key.data not in self._sockets:
                continue
            try:
                data = self._sockets[key.data].recv(1 << 18)
            except OSError:
                data = b""
            if not data:
                self._let_go(key.data)
                arrivals.append(Closed(key.data, "it ended"))
                continue
            self.bytes["up"] += len(data)
            arrivals.append(Received(key.data, data))
        return arrivals

    def drop(self, machine: int) -> None:
        if machine in self._sockets:
            self.processes[machine].kill()
            self._let_go(machine)

    def close(self) -> None:
        for machine in list(self._sockets):
            self._let_go(machine)
        for process in self.processes.values():
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._selector.close()

    def _let_go(self, machine: int) -> None:
        ours = self._sockets.pop(machine)
        self._selector.unregister(ours)
        ours.close()
