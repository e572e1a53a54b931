"""The life of one worker process: a fresh interpreter, its socket and its board, until its burial.

Rules of this file:

1. A worker is a fresh interpreter, never a fork: OpenVINO's inference blocks after one. It inherits
   two descriptors, its end of a private socket and its board, and nothing else of ours.
2. The worker's end of the socket is closed here at once: end of stream is death, both ways.
3. Every wait is bounded. A process that survives SIGKILL (stuck in the kernel) is given up.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from typing import IO, Self

from batchcls.backends.environment import environment
from batchcls.images import ImageRef
from batchcls.messages import WorkerDied
from batchcls.wire.frames import FrameReader
from batchcls.worker.stage_board import BLAMED, Board

READ_SIZE = 1 << 18
END_WAIT_S = 0.5
DEATH_WAIT_S = 2.0


@dataclass(slots=True)
class WorkerProcess:
    """One worker process and its ends of everything.

    Attributes:
        popen: the process.
        socket: the connection to it; never blocks.
        board: what it is doing.
        outbox: what it has not taken yet.
        leased: lease number → index → image, those it has not answered yet.
    """

    popen: subprocess.Popen[bytes]
    socket: socket.socket
    board: Board
    outbox: bytearray = field(default_factory=bytearray)
    leased: dict[int, dict[int, ImageRef]] = field(default_factory=dict)
    _reader: FrameReader = field(default_factory=FrameReader)

    @classmethod
    def spawn(cls, module: str, log: IO[bytes]) -> Self:
        """Start a process.

        Args:
            module: what it runs.
            log: takes its output and its standard error.
        """
        ours, theirs = socket.socketpair()
        board = Board.create()
        descriptors = theirs.fileno(), board.descriptor
        # -P: never import from the current directory, which may be a directory of images.
        command = [sys.executable, "-P", "-m", module, *map(str, descriptors), str(os.getpid())]
        with theirs:
            popen = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=descriptors,
                env=environment(),
            )
        ours.setblocking(False)
        return cls(popen, ours, board)

    def flush(self) -> None:
        """Send as much as the process takes now."""
        try:
            while self.outbox:
                sent = self.socket.send(self.outbox)
                del self.outbox[:sent]
        except BlockingIOError:
            pass
        except OSError:
            self.outbox.clear()  # it is gone; the read side will notice

    def receive(self) -> list[bytes] | None:
        """The messages that are complete now; None at the end of the stream.

        Raises:
            FrameError: the process sends what is not made of messages.
        """
        try:
            data = self.socket.recv(READ_SIZE)
        except BlockingIOError:
            return []
        except OSError:
            return None
        return self._reader.feed(data) if data else None

    def bury(self, worker: int, cause: str = "", *, timeout: bool = False) -> WorkerDied:
        """See to it that the process is dead, and let go of its ends; what it died of, and with.

        Args:
            worker: its number.
            cause: why it must die; "" if it is dead or dying already.
            timeout: it is killed because it hangs.
        """
        self.socket.close()
        if not cause and self.popen.poll() is None:
            self._wait(END_WAIT_S)  # end of stream comes a moment before the end
        if self.popen.poll() is None:
            self.popen.kill()
            self._wait(DEATH_WAIT_S)
        leased = {index for images in self.leased.values() for index in images}
        in_hand = [h for h in self.board.in_hand() if h.stage in BLAMED and h.index in leased]
        self.board.close()
        return WorkerDied(
            worker,
            cause or cause_of_death(self.popen.returncode),
            timeout=timeout,
            in_flight=tuple(sorted(h.index for h in in_hand)),
            stage=in_hand[0].stage if in_hand else "",
        )

    def _wait(self, seconds: float) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.popen.wait(seconds)


def cause_of_death(status: int | None) -> str:
    """An exit status for people.

    Args:
        status: as of `subprocess`; None if the process lives on in spite of SIGKILL.
    """
    if status is None:
        return "cannot be killed; given up"
    if status >= 0:
        return f"exit status {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = f"signal {-status}"
    return f"{name} (often: out of memory)" if name == "SIGKILL" else name
