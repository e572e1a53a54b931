"""The life of one worker process: a fresh interpreter, its socket and its board, until its burial.

Rules of this file:

1. A worker is a fresh interpreter, never a fork: OpenVINO's inference blocks after one. It inherits
   two descriptors, its end of a private socket and its board, and nothing else of ours.
2. The worker's end of the socket is closed here at once: end of stream is death, both ways.
3. Every wait is bounded. A process that survives SIGKILL (stuck in the kernel) is given up.
"""

import contextlib
import errno
import os
import re
import signal
import socket
import subprocess
from dataclasses import dataclass, field
from typing import IO, Self

from batchcls.backends import launch
from batchcls.backends.environment import environment
from batchcls.images import ImageRef
from batchcls.messages import WorkerDied
from batchcls.wire.frames import FrameReader
from batchcls.worker.stage_board import BLAMED, Board

READ_SIZE = 1 << 18
END_WAIT_S = 0.5
DEATH_WAIT_S = 2.0
LIMITS = {
    errno.EAGAIN: "raise the limit of processes (`ulimit -u`, or the container's)",
    errno.ENOMEM: "free some memory",
    errno.EMFILE: "raise the limit of open files (`ulimit -n`)",
    errno.ENFILE: "raise the system's limit of open files (`sysctl fs.file-max`)",
}
MOST_READ = 1 << 14
MOST_SHOWN = 300
NOISE = re.compile(
    "Traceback |The above exc|During h|(Current t|T)hread 0x|Extension m|[0-9-]{10} [0-9:]{8},"
)
"""Lines of a traceback, of faulthandler and of the run itself that are no last words."""


@dataclass(slots=True)
class WorkerProcess:
    """One worker process and its ends of everything.

    Attributes:
        popen: the process.
        socket: the connection to it; never blocks.
        board: what it is doing.
        log: takes its standard error, and can be read.
        log_start: where in the log its own words begin.
        ready: it has loaded the model.
        outbox: what it has not taken yet.
        leased: lease number → index → image, those it has not answered yet.
    """

    popen: subprocess.Popen[bytes]
    socket: socket.socket
    board: Board
    log: IO[bytes]
    log_start: int
    ready: bool = False
    outbox: bytearray = field(default_factory=bytearray)
    leased: dict[int, dict[int, ImageRef]] = field(default_factory=dict)
    _reader: FrameReader = field(default_factory=FrameReader)

    @classmethod
    def spawn(cls, module: str, log: IO[bytes]) -> Self:
        """Start a process.

        Args:
            module: what it runs.
            log: takes its output and its standard error, and can be read.

        Raises:
            OSError: there can be no further process, or no further descriptor.
        """
        log_start = os.fstat(log.fileno()).st_size
        ours, theirs = socket.socketpair()
        with theirs, contextlib.ExitStack() as undo:
            undo.callback(ours.close)
            board = Board.create()
            undo.callback(board.close)
            descriptors = theirs.fileno(), board.descriptor
            popen = subprocess.Popen(
                launch.command(module, *map(str, descriptors), str(os.getpid())),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=descriptors,
                env=environment(),
            )
            undo.pop_all()
        ours.setblocking(False)
        return cls(popen, ours, board, log, log_start)

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
        cause = cause or cause_of_death(self.popen.returncode)
        # Never in a line of the results: other workers' words may stand there, too.
        if not self.ready and (words := last_words(self.log, self.log_start)):
            cause = f"{cause}: {words}"
        return WorkerDied(
            worker,
            cause,
            timeout=timeout,
            in_flight=tuple(sorted(h.index for h in in_hand)),
            stage=in_hand[0].stage if in_hand else "",
        )

    def _wait(self, seconds: float) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.popen.wait(seconds)


def why_unborn(error: OSError) -> str:
    """Why there can be no further process, and what may help."""
    what = LIMITS.get(error.errno or 0)
    why = f"a worker process cannot be started: {error.strerror or error}"
    return f"{why}; {what} or use fewer `--workers`" if what else why


def last_words(log: IO[bytes], start: int) -> str:
    """What a process that could not even load the model said last, from this place in the log on.

    That is the end of a traceback, or what a native library or the loader printed.
    """
    with contextlib.suppress(OSError):
        end = os.fstat(log.fileno()).st_size
        start = max(start, end - MOST_READ)
        lines = os.pread(log.fileno(), MOST_READ, start).decode(errors="replace").splitlines()
        said = [line.strip() for line in lines if line[:1].strip() and not NOISE.match(line)]
        return "" if not said else said[-1][:MOST_SHOWN]
    return ""


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
