"""What Ray runs on each node: starts the node's agent and carries bytes to and from it.

Rules of this file:

1. It imports the standard library and nothing of ours. Ray sends it to the nodes by value, so that
   a node without batchcls, or with another one, can say so instead of failing at an import.
2. The agent must outlive nothing: the end of its socket is its end, and its parent, for
   PR_SET_PDEATHSIG, is a thread that lives as long as it does.
3. A method may be called while another one waits, each again only after its answer. What they bring
   is numbered, so that bytes stay in order whatever Ray does with calls.
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
from collections.abc import Sequence
from pathlib import Path

MOST = 64 << 10
"""Bytes of one call. Up to 100 KiB Ray sends inline; above, through its object store."""
UNASKED = ("OMP_NUM_THREADS", "PYTHONBREAKPOINT", "SPT_NOENV")
"""What Ray adds to the environment of its workers and an agent must not inherit."""


class NodeActor:
    """The agent of one node, by its bytes.

    Args:
        cores: what Ray grants; the agent uses no more.
    """

    def __init__(self, cores: int) -> None:
        self._cores = cores
        self._taken = 0
        self._turn = threading.Condition()
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

    def send(self, number: int, data: bytes) -> None:
        """Hand the agent so much more of its stream; returns when it is taken.

        Args:
            number: how many pieces come before this one, of both methods.
            data: the piece.
        """
        with self._turn:
            self._turn.wait_for(lambda: self._taken == number)
            if self._ours is not None:
                with contextlib.suppress(OSError):  # the agent is gone: `exchange` will say so
                    self._ours.sendall(data)
            self._taken += 1
            self._turn.notify_all()

    def exchange(
        self, wait_s: float, number: int = 0, data: bytes = b""
    ) -> bytes | tuple[int | None, str]:
        """What the agent has sent since.

        Args:
            wait_s: how long to wait if that is nothing.
            number: of the piece that goes along, see `send`.
            data: the piece; none if it is empty.

        Returns:
            bytes, none if the time is over; at the end of the stream the agent's exit status (None
            if it lives on) and the last line of what it printed.
        """
        ours = self._ours
        assert ours is not None  # noqa: S101 - `start` comes first
        if data:
            self.send(number, data)
        if not select.select([ours], [], [], wait_s)[0]:
            return b""
        return _received(ours) or self._end()

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
        return ours.recv(MOST)
    except OSError:
        return b""


def _environment() -> dict[str, str]:
    ours = os.environ.items()
    return {k: v for k, v in ours if k not in UNASKED and not k.startswith("RAY_")}
