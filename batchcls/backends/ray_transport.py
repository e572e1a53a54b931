"""Ray as a transport: joins a Ray cluster that runs, and has an agent on each of its nodes.

Ray itself is in a process of its own, `ray_carrier`; here are that process, the words that it and
the driver exchange, and what to say where there is no Ray or no cluster. `import ray` does not
stand here, so that this module costs nothing.
"""

import contextlib
import enum
import importlib.util
import os
import selectors
import socket
import struct
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path

from batchcls.backends import launch
from batchcls.backends.transport import Arrival, Closed, Opened, Received
from batchcls.errors import SetupError, UsageError
from batchcls.version import RAY
from batchcls.wire.frames import FrameReader, frame

AGENT = ("-P", "-m", "batchcls.backends.agent")
ANSWER_S = 30.0
KNOCK_S = 5.0
END_S = 4.0
READ_SIZE = 1 << 18
ASKS = (
    "it asks for a token that it does not get; copy ~/.ray/auth_token from its head, and set "
    "RAY_AUTH_MODE=token where RAY_ADDRESS is set"
)
_HEAD = struct.Struct("<BI")


class Word(enum.IntEnum):
    """What a message between the driver and the carrier means; each has a machine and data."""

    JOINED = 0
    FAILED = 1
    OPENED = 2
    RECEIVED = 3
    CLOSED = 4
    SEND = 5
    DROP = 6


def pack(word: Word, machine: int, data: bytes = b"") -> bytes:
    """A message, framed."""
    return frame(_HEAD.pack(word, machine) + data)


def unpack(payload: bytes) -> tuple[Word, int, bytes]:
    """What is in a message."""
    word, machine = _HEAD.unpack_from(payload)
    return Word(word), machine, payload[_HEAD.size :]


class RayTransport:
    """Agents on the nodes of the Ray cluster that RAY_ADDRESS or this machine names.

    Args:
        log: file that takes what Ray prints.
        program: what an agent is, as arguments of a node's Python.
    """

    def __init__(self, log: Path, program: Sequence[str] = AGENT) -> None:
        self._log = log
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._reader = FrameReader()
        self._outbox = bytearray()
        self._sending = threading.Lock()
        self._open: set[int] = set()
        self._early: list[Arrival] = []
        self._selector = selectors.DefaultSelector()

    trouble = ""

    @property
    def expecting(self) -> bool:
        """The cluster is there, and nodes may join it at any time."""
        return self._socket is not None

    def open(self) -> None:
        """Join the cluster.

        Raises:
            SetupError: Ray is not installed.
            UsageError: no cluster can be joined.
        """
        if importlib.util.find_spec("ray") is None:
            raise SetupError(f"`--cluster ray` needs Ray, which is not installed\n{hint()}")
        address = cluster_address()
        ours, theirs = socket.socketpair()
        with theirs, self._log.open("ab", buffering=0) as log:
            self._log_start = log.tell()
            arguments = [str(theirs.fileno()), str(os.getpid()), address, *self._program]
            self._process = subprocess.Popen(
                launch.command("batchcls.backends.ray_carrier", *arguments),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[theirs.fileno()],
            )
        self._socket = ours
        ours.settimeout(ANSWER_S)
        try:
            self._wait_for_cluster(ours)
        except BaseException:
            self.close()
            raise
        ours.setblocking(False)
        self._selector.register(ours, selectors.EVENT_READ, self)

    def _wait_for_cluster(self, ours: socket.socket) -> None:
        where = os.environ.get("RAY_ADDRESS") or "on this machine"
        messages: list[bytes] = []
        while not messages:
            try:
                data = ours.recv(READ_SIZE)
            except TimeoutError:
                raise unreachable(where, f"it did not answer for {ANSWER_S:.0f} s") from None
            if not data:
                raise unreachable(where, f"Ray ended as it began; {self._log} may say more")
            messages = self._reader.feed(data)
        word, _, text = unpack(messages[0])
        if word is Word.FAILED:
            asked = b"InvalidAuthToken" in self._log.read_bytes()[self._log_start :]
            raise unreachable(where, ASKS if asked else text.decode(errors="replace"))
        self._early = self._understand(messages[1:])

    def watch(self, descriptor: int) -> None:
        """End a wait in `receive` when this descriptor becomes readable."""
        self._selector.register(descriptor, selectors.EVENT_READ)

    def send(self, machine: int, data: bytes) -> None:
        """Send in the background; what cannot be sent any more is dropped."""
        pieces = (data[at : at + READ_SIZE] for at in range(0, len(data), READ_SIZE))
        self._say(b"".join(pack(Word.SEND, machine, piece) for piece in pieces))

    def drop(self, machine: int) -> None:
        """End this agent by force; its node gets no other."""
        self._open.discard(machine)
        self._say(pack(Word.DROP, machine))

    def receive(self, timeout_s: float) -> list[Arrival]:
        """What has arrived; waits for at most so long if nothing has."""
        if self._socket is not None:
            writes = selectors.EVENT_WRITE if self._outbox else 0
            self._selector.modify(self._socket, selectors.EVENT_READ | writes, self)
        arrivals, self._early = self._early, []
        for key, mask in self._selector.select(0.0 if arrivals else timeout_s):
            if key.data is self and mask & selectors.EVENT_WRITE:
                self._say(b"")
            if key.data is self and mask & selectors.EVENT_READ:
                arrivals += self._hear()
        return arrivals

    def close(self) -> None:
        """End all agents and let go of everything."""
        self._selector.close()
        with self._sending:
            if self._socket is not None:
                self._socket.close()
                self._socket = None
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(END_S)
            self._process.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(0.5)

    # ---- the carrier

    def _say(self, message: bytes) -> None:
        with self._sending:
            self._outbox += message
            self._flush()

    def _flush(self) -> None:
        """Write as much as the carrier takes now; to be called with the lock."""
        try:
            while self._outbox and self._socket is not None:
                del self._outbox[: self._socket.send(self._outbox)]
        except BlockingIOError:
            pass
        except OSError:
            self._outbox.clear()  # it is gone; the read side notices

    def _hear(self) -> list[Arrival]:
        if self._socket is None:
            return []
        try:
            data = self._socket.recv(READ_SIZE)
        except BlockingIOError:
            return []
        except OSError:
            data = b""
        if not data:
            return self._lost()
        return self._understand(self._reader.feed(data))

    def _understand(self, payloads: list[bytes]) -> list[Arrival]:
        arrivals: list[Arrival] = []
        for word, machine, data in map(unpack, payloads):
            if word is Word.OPENED:
                self._open.add(machine)
                arrivals.append(Opened(machine))
            elif machine in self._open and word is Word.RECEIVED:
                arrivals.append(Received(machine, data))
            elif machine in self._open:  # not dropped meanwhile
                self._open.discard(machine)
                arrivals.append(Closed(machine, data.decode(errors="replace")))
        return arrivals

    def _lost(self) -> list[Arrival]:
        """The carrier has ended, and all machines with it."""
        assert self._socket is not None  # noqa: S101 - the caller has looked
        self._selector.unregister(self._socket)
        with self._sending:
            self._socket.close()
            self._socket = None
        lost, self._open = self._open, set()
        return [Closed(machine, "the connection to the Ray cluster is lost") for machine in lost]


def hint() -> str:
    """What to type for a cluster of one machine, to which others can be added."""
    return f"hint: pip install '{RAY}'\nhint: ray start --head --disable-usage-stats"


def unreachable(where: str, why: str) -> UsageError:
    """No cluster can be joined."""
    place = where if where == "on this machine" else f"at {where}"
    return UsageError(f"no Ray cluster can be reached {place}: {why}\n{hint()}")


def cluster_address() -> str:
    """Which cluster to join, as Ray writes it.

    Raises:
        UsageError: RAY_ADDRESS names what is no running cluster, or nothing listens there.
    """
    address = os.environ.get("RAY_ADDRESS", "")
    if "://" in address:
        raise UsageError(
            f"RAY_ADDRESS is {address}, and Ray's client is not supported; run batchcls on a node "
            "of the cluster, without RAY_ADDRESS or with the HOST:PORT that `ray start` named"
        )
    if address == "local":  # Ray would start a cluster of its own
        raise unreachable("local", "batchcls joins a cluster and starts none")
    host, _, port = address.rpartition(":")
    if host and port.isdigit():
        try:
            socket.create_connection((host, int(port)), KNOCK_S).close()
        except OSError as error:  # Ray itself would try for minutes
            raise unreachable(address, f"{error.strerror or error}") from None
    return address or "auto"
