"""What Ray runs on each node: starts the node's agent and carries bytes to and from it.

Rules of this file:

1. It imports the standard library and nothing of ours. Ray sends it to the nodes by value, so that
   a node without batchcls, or with another one, can say so instead of failing at an import.
2. The agent must outlive nothing: the end of its socket is its end, and its parent, for
   PR_SET_PDEATHSIG, is a thread that lives as long as it does.
3. A method may be called while another one waits. `send` is called by one caller, `exchange` by
   one, each again only after its answer: so bytes stay in order whatever Ray does with calls.
"""

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

FULL = 16 << 10
"""Bytes that are answered at once: about the lines of one chunk, so that no worker has to wait."""
MOST = 64 << 10
"""Bytes of one call. Up to 100 KiB Ray sends inline; above, through its object store."""
HOLD_S = 0.1
"""Between two answers that are not full: a call costs Ray as much as 5 to 10 lines cost us."""
UNASKED = ("OMP_NUM_THREADS", "PYTHONBREAKPOINT", "SPT_NOENV")
"""What Ray adds to the environment of its workers and an agent must not inherit."""


class NodeActor:
    """The agent of one node, by its bytes.

    Args:
        cores: what Ray grants; the agent uses no more.
    """

    def __init__(self, cores: int) -> None:
        self._cores = cores
        self._answered = 0.0
        self._started = threading.Event()
        self._ended = threading.Event()
        self._failure: OSError | None = None
        self._ours: socket.socket | None = None
        self._agent: subprocess.Popen[bytes] | None = None
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 - for as long as this process lives

    def start(self, program: Sequence[str]) -> int:
        """Start the agent.

        Args:
            program: arguments of this node's Python; ``--fd N --cores N`` are added.

        Returns:
            its process number.

        Raises:
            OSError: there can be no process.
        """
        threading.Thread(target=self._live, args=(tuple(program),), daemon=True).start()
        self._started.wait()
        if self._agent is None:
            raise self._failure or OSError("the agent cannot be started")
        return self._agent.pid

    def send(self, data: bytes) -> None:
        """Hand the agent so much more of its stream; returns when it is taken."""
        if self._ours is not None:
            with contextlib.suppress(OSError):  # the agent is gone: `exchange` will say so
                self._ours.sendall(data)

    def exchange(self, wait_s: float) -> bytes | tuple[int | None, str]:
        """What the agent has sent since.

        Args:
            wait_s: how long to wait if that is nothing.

        Returns:
            bytes, none if the time is over; at the end of the stream the agent's exit status (None
            if it lives on) and the last line of what it printed.
        """
        ours = self._ours
        assert ours is not None  # noqa: S101 - `start` comes first
        data = b""
        end = time.monotonic() + wait_s
        while len(data) < FULL:
            left = end - time.monotonic()
            if not select.select([ours], [], [], max(0.0, left))[0]:
                break
            more = _received(ours)
            if not more:
                return data or self._end()
            if not data:
                end = max(time.monotonic(), self._answered + HOLD_S)
            data += more
        self._answered = time.monotonic()
        return data

    def _end(self) -> tuple[int | None, str]:
        self._ended.wait(5.0)
        self._output.seek(0)
        lines = self._output.read().decode(errors="replace").split("\n")
        said = [line.strip() for line in lines if line.strip()]
        return self._agent.returncode if self._agent else None, said[-1] if said else ""

    def _live(self, program: tuple[str, ...]) -> None:
        """Start the agent and stay until it ends."""
        signal.pthread_sigmask(signal.SIG_SETMASK, [])  # Ray blocks SIGINT, and masks are inherited
        self._ours, theirs = socket.socketpair()
        with theirs:
            arguments = [*program, "--fd", str(theirs.fileno()), "--cores", str(self._cores)]
            try:
                self._agent = subprocess.Popen(
                    [sys.executable, *arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=self._output,
                    stderr=self._output,
                    pass_fds=[theirs.fileno()],
                    cwd="/",
                    env=_environment(),
                    start_new_session=True,  # Ray kills the group of a worker that it ends
                )
            except OSError as error:
                self._failure = error
                self._started.set()
                return
        # A worker of Ray has 1000, what it starts inherits that, and the kernel would kill the
        # agent, the whole machine, before any of its own workers, which set 500.
        with contextlib.suppress(OSError):
            Path(f"/proc/{self._agent.pid}/oom_score_adj").write_text("200")
        self._started.set()
        self._agent.wait()
        self._ended.set()


def _received(ours: socket.socket) -> bytes:
    try:
        return ours.recv(MOST - FULL)
    except OSError:
        return b""


def _environment() -> dict[str, str]:
    ours = os.environ.items()
    return {k: v for k, v in ours if k not in UNASKED and not k.startswith("RAY_")}
