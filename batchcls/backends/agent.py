"""One machine's part of a run on several: hosts the local backend, and tells the driver of it.

``python -P launch.py batchcls.backends.agent [--fd N] [--cores N]``: its stream is a socket that it
was given, or lines on its standard input and output.

Rules of this file:

1. Whatever a worker may do to a machine is dealt with here, by the local backend: boards, deadlines
   and kills need its memory and its clock.
2. It ends when its stream does, when nothing has followed its driver's last word for long, and
   when it is told to. The first word may take hours: the driver lists the images. Its workers end
   with it, however it ends.
3. Nothing but messages goes to the stream: what a library prints goes to standard error.
"""

import argparse
import contextlib
import os
import selectors
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from batchcls.backends.agent_link import LineLink, Link, SocketLink
from batchcls.backends.allocation import decide, fair_share
from batchcls.backends.fitness import other_libraries, unseen, versions
from batchcls.backends.gathering import Gathering
from batchcls.backends.local import LocalBackend
from batchcls.backends.machine import this_machine
from batchcls.backends.node_cache import node_cache
from batchcls.backends.parcels import FIRST_LOOK, Delivery, Lack, Parcel
from batchcls.errors import BatchclsError
from batchcls.messages import (
    Answered,
    Event,
    Lease,
    StartWorker,
    StopWorker,
    WorkerDied,
    WorkerReady,
    WorkerRefused,
)
from batchcls.wire import agents, protocol
from batchcls.wire.frames import FrameReader
from batchcls.wire.start import StartMessage

BEAT_S = 3.0
SILENCE_S = 30.0
GREETING_S = 86_400.0
"""Seconds until the driver's first word at most; it says nothing while it lists the images."""

TICK_S = 0.1
OOM_SCORE = 200
"""Below the workers' (`worker.sandbox`): when memory runs out, one of them is to go, not all."""

MOST_LOG = 4096


class Agent:
    """What an agent knows.

    Args:
        link: to the driver.
        cores: processors that it may use; 0 = all that this process is granted.
        worker: module that a worker process runs.
    """

    def __init__(self, link: Link, cores: int = 0, worker: str = "batchcls.worker") -> None:
        machine = this_machine()
        granted = min(cores, machine.cores) if cores else machine.cores
        self._machine = replace(machine, cores=granted, quota=granted < machine.cores)
        self._link = link
        self._worker = worker
        self._frames = FrameReader(agents.MAX_AGENT_FRAME)
        self._selector = selectors.DefaultSelector()
        self._backend: LocalBackend | None = None
        self._gathering = Gathering()
        self._delivery: Delivery | None = None
        self._job: Mapping[str, Any] = {}
        self._cache = Path()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - `run` closes it
        self._logged = self._counted = 0
        self._ended = False
        self._told = False  # something, since the last beat was due

    def run(self) -> None:
        """Work until the stream ends, or is silent."""
        self._send("hello", host=socket.gethostname(), pid=os.getpid(), versions=versions())
        heard = beat = time.monotonic()
        patience = GREETING_S
        try:
            while not self._ended:
                self._link.watch(self._selector)
                if self._backend is None:
                    self._selector.select(TICK_S)
                else:
                    self._relay(self._backend.events(TICK_S))
                self._link.flush()
                now = time.monotonic()
                if self._hear():
                    heard, patience = now, SILENCE_S
                if now - heard > patience:
                    break
                if patience == SILENCE_S and now - beat >= BEAT_S:  # else nobody listens yet
                    beat = now
                    self._tell_log()
                    if not self._told:
                        self._tell(agents.BEAT)
                    self._told = False
        finally:
            if self._backend is not None:
                self._backend.close()
            self._log.close()

    # ---- from the driver

    def _hear(self) -> bool:
        """Obey what has come; whether something has."""
        data = self._link.receive()
        if data is None:
            self._ended = True
            return False
        for payload in self._frames.feed(data):
            head, body = agents.parse(payload)
            try:
                self._obey(head, body)
            except (BatchclsError, OSError) as error:
                self._send("unfit", reason=_said(error))
        return bool(data)

    def _obey(self, head: Mapping[str, Any], body: bytes) -> None:
        match head["t"]:
            case "open":
                self._open(head)
            case "piece" if self._delivery is not None:
                self._deliver(self._delivery.take(body))
            case "images":
                if why := unseen([(path, size, digest) for path, size, digest in head["images"]]):
                    self._send("unfit", reason=why)
                else:
                    self._send("seen")
            case "start" if self._backend is not None:
                self._backend.do(StartWorker(head["w"]))
            case "to" if self._backend is not None:
                self._give(self._backend, head["w"], body)
            case "end":
                self._ended = True

    def _open(self, head: Mapping[str, Any]) -> None:
        if why := other_libraries(head["libraries"]):
            self._send("unfit", reason=why)
            return
        self._cache = node_cache()
        os.environ["XDG_CACHE_HOME"] = str(self._cache.parent)
        self._job = head
        wanted = [Parcel.from_json(parcel) for parcel in head["parcels"]]
        self._delivery = Delivery(wanted, self._cache / "sent")
        self._deliver(self._delivery.start())

    def _deliver(self, lack: Lack | None) -> None:
        """Ask for what is missing, or begin."""
        if lack is not None:
            parcel, file, start = lack
            self._send("need", parcel=parcel, file=file, start=start)
            return
        delivery, self._delivery = self._delivery, None
        if delivery is None:
            return
        start_message = StartMessage.from_json(self._job["start"])
        found: dict[str, Any] = delivery.paths
        first_model = found.pop(FIRST_LOOK, "")
        job = replace(start_message.job, **found)
        allocation = decide(job, self._machine)
        start_message = replace(
            allocation.start_message(job),
            guess=start_message.guess,
            fast=start_message.fast,
            first_model=first_model,
        )
        log = Path(f"/proc/self/fd/{self._log.fileno()}")
        self._backend = LocalBackend(start_message, log, self._job["timeout"], self._worker)
        self._backend.watch(self._selector.fileno())
        share = fair_share(self._machine.memory, allocation.workers)
        self._send("opened", workers=allocation.workers, share=share)

    def _give(self, backend: LocalBackend, worker: int, body: bytes) -> None:
        if worker not in backend.processes:
            return  # it has just died; the driver will hear of it
        message, _ = agents.parse(body)
        if message["t"] == "stop":
            backend.do(StopWorker(worker, message["drain"]))
            return
        lease, images = protocol.decode_lease(message)
        self._gathering.lease(worker, lease, len(images))
        backend.do(Lease(worker, lease, tuple(images)))

    # ---- to the driver

    def _relay(self, events: list[Event]) -> None:
        now = time.monotonic()
        for event in events:
            match event:
                case WorkerReady(worker, description):
                    self._tell(_from(worker, protocol.encode("ready", description=description)))
                case WorkerRefused(worker, error, text):
                    said = protocol.encode("refused", error=error, message=text)
                    self._tell(_from(worker, said))
                case Answered():
                    self._answer(self._gathering.take(event, now))
                case WorkerDied(worker):
                    self._answer(self._gathering.end(worker))
                    self._tell(agents.encode_death(worker, event))
        self._answer(self._gathering.due(now))
        counters = [] if self._backend is None else self._backend.counters[self._counted :]
        for row in counters:
            self._send("counters", rows=[row])
        self._counted += len(counters)

    def _answer(self, gathered: list[Answered]) -> None:
        """In one piece: on Ray, what follows would take a call of its own."""
        if not gathered:
            return
        self._tell(
            b"".join(
                _from(one.worker, protocol.encode_answers(one.lease, one.answers, one.stats))
                for one in gathered
            )
        )

    def _send(self, kind: str, **content: Any) -> None:
        self._tell(agents.message(kind, **content))

    def _tell(self, data: bytes) -> None:
        self._told = True
        self._link.send(data)

    def _tell_log(self) -> None:
        """What the workers have printed since, for the run's log."""
        said = os.pread(self._log.fileno(), MOST_LOG, self._logged)
        self._logged += len(said)
        if said.strip():
            self._send("log", text=said.decode(errors="replace"))


def _from(worker: int, payload: bytes) -> bytes:
    return agents.message("from", payload, w=worker)


def _said(error: Exception) -> str:
    if isinstance(error, OSError):
        return f"cannot write {error.filename or 'there'}: {error.strerror}"
    return str(error)


def _prepare() -> None:
    """Become what the machine's workers can rely on."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the driver decides what they mean
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.environ.pop("OMP_NUM_THREADS", None)  # of whoever started us
    with contextlib.suppress(OSError, ValueError):
        score = Path("/proc/self/oom_score_adj")
        if int(score.read_text()) > OOM_SCORE:
            score.write_text(str(OOM_SCORE))


def _standard_streams() -> LineLink:
    """Lines on standard input and output; whatever else prints does so on standard error."""
    down, up = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return LineLink(os.urandom(4).hex(), down, up)


def main() -> None:
    """Entry point of the process."""
    parser = argparse.ArgumentParser(prog="batchcls agent")
    parser.add_argument("--fd", type=int)
    parser.add_argument("--cores", type=int, default=0)
    parser.add_argument("--worker", default="batchcls.worker")
    asked = parser.parse_args(sys.argv[1:])
    _prepare()
    link: Link = _standard_streams() if asked.fd is None else SocketLink(asked.fd)
    Agent(link, asked.cores, asked.worker).run()


if __name__ == "__main__":
    main()
