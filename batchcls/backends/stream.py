"""Agents that a launcher starts (`srun`, `ssh`, `mpirun`), spoken to over its standard streams.

Rules of this file:

1. A launcher is a list of arguments, never a shell's line, and starts any number of agents. It may
   join their outputs line by line, and copy its input to all of them.
2. It is in a session of its own: the terminal's signals are this process's to obey.
3. What it or a login prints besides goes to the run's log.
4. An agent is gone when it says so, when a piece of its stream is missing, and when its launcher
   ends; else only its silence tells.
"""

import contextlib
import logging
import os
import selectors
import shlex
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from batchcls.backends import launch, process_group
from batchcls.backends.process import cause_of_death, last_words
from batchcls.backends.transport import Arrival, Closed, Opened, Received
from batchcls.errors import SetupError
from batchcls.wire.lines import Foreign, LineReader, LineWriter, Piece

log = logging.getLogger("batchcls")

AGENT = "batchcls.backends.agent"
READ_SIZE = 1 << 18
TOGETHER_S = 30.0
"""Seconds that lie between the agents of a launcher at most; after that, one that has lost all of
its agents is of no more use.
"""

END_WAIT_S = 2.0
KILL_WAIT_S = 1.0


@dataclass(slots=True)
class _Agent:
    machine: int
    writer: LineWriter
    due: int = 0


@dataclass(slots=True)
class _Launcher:
    words: str
    popen: subprocess.Popen[bytes]
    log_start: int
    came: float = 0.0  # when the latest of its agents did; 0 = none yet
    agents: dict[str, _Agent] = field(default_factory=dict)
    reader: LineReader = field(default_factory=LineReader)
    outbox: bytearray = field(default_factory=bytearray)
    ended: bool = False


class StreamTransport:
    """Launchers and their agents.

    Args:
        launchers: the arguments of each.
        log: takes what they say on standard error.
        agent: the arguments that each is given to run an agent.

    Raises:
        OSError: the log cannot be opened.
    """

    def __init__(
        self,
        launchers: Sequence[Sequence[str]],
        log: Path,
        agent: Sequence[str] = (),
    ) -> None:
        self._commands = launchers
        self._agent = agent or launch.command(AGENT)
        self._log: IO[bytes] = log.open("a+b", buffering=0)
        self._selector = selectors.DefaultSelector()
        self._launchers: list[_Launcher] = []
        self._where: dict[int, tuple[_Launcher, _Agent]] = {}
        self._machines = 0
        self._sending = threading.Lock()
        self._ended: list[str] = []

    @property
    def trouble(self) -> str:
        """How launchers ended."""
        return "; ".join(self._ended[:4])

    @property
    def expecting(self) -> bool:
        """A launcher runs, and has agents or may yet have some."""
        return any(not one.ended and not _is_spent(one) for one in self._launchers)

    def open(self) -> None:
        """Start the launchers.

        Raises:
            SetupError: one cannot be started.
        """
        for command in self._commands:
            try:
                self._launch(command)
            except OSError as error:
                self.close()
                raise SetupError(
                    f"--cluster {shlex.join(command)}: {command[0]} cannot be started: "
                    f"{error.strerror}"
                ) from error

    def watch(self, descriptor: int) -> None:
        """See `Transport`."""
        self._selector.register(descriptor, selectors.EVENT_READ, None)

    def send(self, machine: int, data: bytes) -> None:
        """See `Transport`."""
        with self._sending:
            launcher, agent = self._where.get(machine, (None, None))
            if launcher is not None and agent is not None:
                launcher.outbox += b"".join(agent.writer.write(data))
                _flush(launcher)

    def receive(self, timeout_s: float) -> list[Arrival]:
        """See `Transport`."""
        for launcher in self._launchers:
            if not launcher.ended:
                self._watch_writes(launcher)
        arrivals: list[Arrival] = []
        for key, mask in self._selector.select(timeout_s):
            if key.data is None:
                continue
            if mask & selectors.EVENT_WRITE:
                with self._sending:
                    _flush(key.data)
            else:
                arrivals += self._read(key.data)
        return arrivals

    def drop(self, machine: int) -> None:
        """See `Transport`; the launcher of the last one is ended, too."""
        launcher, agent = self._where.get(machine, (None, None))
        if launcher is None or agent is None:
            return
        with self._sending:
            launcher.outbox += agent.writer.end()
            _flush(launcher)
            del self._where[machine]
        launcher.agents = {who: a for who, a in launcher.agents.items() if a is not agent}
        if _is_spent(launcher):
            process_group.send(launcher.popen, signal.SIGKILL)

    def close(self) -> None:
        """See `Transport`: the end of its input is the end of each agent."""
        for launcher in self._launchers:
            if launcher.popen.stdin is not None:
                # With the lock: a sign of life must not be written to whatever has its number next.
                with self._sending, contextlib.suppress(OSError):
                    launcher.popen.stdin.close()
        for number, seconds in ((0, END_WAIT_S), (signal.SIGTERM, KILL_WAIT_S)):
            until = time.monotonic() + seconds
            for launcher in self._launchers:
                if number:
                    process_group.send(launcher.popen, number)
            for launcher in self._launchers:
                process_group.exits(launcher.popen, until)
        for launcher in self._launchers:
            process_group.reap(launcher.popen, KILL_WAIT_S / len(self._launchers))
            if launcher.popen.stdout is not None:
                launcher.popen.stdout.close()
        self._launchers = []
        self._where = {}
        self._selector.close()
        self._log.close()

    # ---- one launcher

    def _launch(self, command: Sequence[str]) -> None:
        log_start = os.fstat(self._log.fileno()).st_size
        popen = subprocess.Popen(
            [*command, *self._agent],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            bufsize=0,
            start_new_session=True,
        )
        launcher = _Launcher(shlex.join(command), popen, log_start)
        self._launchers.append(launcher)
        for pipe in (popen.stdin, popen.stdout):
            if pipe is not None:
                os.set_blocking(pipe.fileno(), False)
        if popen.stdout is not None:
            self._selector.register(popen.stdout, selectors.EVENT_READ, launcher)

    def _watch_writes(self, launcher: _Launcher) -> None:
        pipe = launcher.popen.stdin
        if pipe is None:
            return
        watched = pipe.fileno() in self._selector.get_map()
        if launcher.outbox and not watched:
            self._selector.register(pipe, selectors.EVENT_WRITE, launcher)
        elif watched and not launcher.outbox:
            self._selector.unregister(pipe)

    def _read(self, launcher: _Launcher) -> list[Arrival]:
        pipe = launcher.popen.stdout
        if pipe is None or launcher.ended:
            return []
        try:
            data = os.read(pipe.fileno(), READ_SIZE)
        except BlockingIOError:
            return []
        if not data:
            return self._end(launcher)
        arrivals: list[Arrival] = []
        for found in launcher.reader.feed(data):
            if isinstance(found, Foreign):
                log.info("%s: %s", launcher.words, found.line[:500].decode(errors="replace"))
            else:
                arrivals += self._take(launcher, found)
        return arrivals

    def _take(self, launcher: _Launcher, piece: Piece) -> list[Arrival]:
        agent = launcher.agents.get(piece.who)
        arrivals: list[Arrival] = []
        if agent is None:
            if piece.number:
                return []  # of one that was lost or dropped
            self._machines += 1
            launcher.came = time.monotonic()
            agent = launcher.agents[piece.who] = _Agent(self._machines, LineWriter(piece.who))
            with self._sending:
                self._where[agent.machine] = (launcher, agent)
            arrivals.append(Opened(agent.machine))
        if piece.number != agent.due or not piece.data:
            why = "it ended" if not piece.data else "a piece of its stream is missing"
            self.drop(agent.machine)
            return [*arrivals, Closed(agent.machine, why)]
        agent.due += 1
        return [*arrivals, Received(agent.machine, piece.data)]

    def _end(self, launcher: _Launcher) -> list[Arrival]:
        """A launcher's output has ended, so its agents cannot be heard any more."""
        launcher.ended = True
        self._selector.unregister(launcher.popen.stdout)  # type: ignore[arg-type]  # it was given a pipe
        with self._sending:
            launcher.outbox.clear()
            self._watch_writes(launcher)
            for agent in launcher.agents.values():
                self._where.pop(agent.machine, None)
        exited = process_group.exits(launcher.popen, time.monotonic() + KILL_WAIT_S)
        process_group.reap(launcher.popen, KILL_WAIT_S)
        how = cause_of_death(launcher.popen.returncode) if exited else "it closed its output"
        why = f"`{launcher.words}` ended: {how}"
        if words := last_words(self._log, launcher.log_start):
            why = f"{why}: {words}"
        log.warning("%s", why)
        self._ended.append(why)
        return [Closed(agent.machine, why) for agent in launcher.agents.values()]


def _flush(launcher: _Launcher) -> None:
    """Write as much as the launcher takes now; to be called with the lock."""
    pipe = launcher.popen.stdin
    try:
        while launcher.outbox and pipe is not None and not launcher.ended:
            del launcher.outbox[: os.write(pipe.fileno(), launcher.outbox)]
    except BlockingIOError:
        pass
    except (OSError, ValueError):
        launcher.outbox.clear()  # it is gone; the read side will notice


def _is_spent(launcher: _Launcher) -> bool:
    """Its agents have come and gone, and others would have come by now."""
    came = launcher.came
    return bool(came and not launcher.agents and time.monotonic() - came > TOGETHER_S)
