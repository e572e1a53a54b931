"""A real run without model and journal: real processes, pipes, boards and coordinator."""

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from batchcls.backends.cluster import ClusterBackend
from batchcls.backends.local import LocalBackend
from batchcls.coordinator.coordinator import Coordinator
from batchcls.coordinator.policy import Policy
from batchcls.display.progress.progress import Progress
from batchcls.images import Folder, ImageRef
from batchcls.job.job import Job
from batchcls.job.threads import Threads
from batchcls.messages import Answer, Answered, Event, MachineLost, Record, WorkerDied, WorkerReady
from batchcls.results import record
from batchcls.results.rundir import RunPaths
from batchcls.running.loop import EventLoop
from batchcls.running.presenter import Presenter
from batchcls.running.signals import StopRequests
from batchcls.wire.start import StartMessage
from tests.support.sockets import Sockets
from tests.support.world import ListedWork


class NamedWork(ListedWork):
    """An inputs list of these names, which are files in a folder."""

    def __init__(self, names: list[str], folder: Path) -> None:
        super().__init__(len(names))
        self.names = names
        self.place = Folder(str(folder))

    def take(self, count: int) -> list[ImageRef | Answer]:
        return [
            ImageRef(entry.index, self.names[entry.index], self.place)
            for entry in super().take(count)
            if isinstance(entry, ImageRef)
        ]


class Watched:
    """Remembers what happened."""

    def __init__(self) -> None:
        self.deaths: list[WorkerDied] = []
        self.ready: set[int] = set()
        self.answered: list[tuple[float, int, int]] = []  # when, by which worker, how many
        self.lost: list[MachineLost] = []

    def note(self, events: list[Event]) -> list[Event]:
        self.deaths += [e for e in events if isinstance(e, WorkerDied)]
        self.ready |= {e.worker for e in events if isinstance(e, WorkerReady)}
        self.ready -= {e.worker for e in events if isinstance(e, WorkerDied)}
        now = time.monotonic()
        answered = (e for e in events if isinstance(e, Answered))
        self.answered += [(now, e.worker, len(e.answers)) for e in answered]
        self.lost += [e for e in events if isinstance(e, MachineLost)]
        return events


class WatchedBackend(Watched, LocalBackend):
    """Workers of this machine; lets a test interfere."""

    def __init__(self, *args: object, interfere: Callable[["WatchedBackend"], None], **kw: object):
        Watched.__init__(self)
        LocalBackend.__init__(self, *args, **kw)  # type: ignore[arg-type]  # passed through
        self.interfere = interfere

    def events(self, timeout_s: float) -> list[Event]:
        self.interfere(self)
        return self.note(super().events(timeout_s))

    def pids(self) -> list[int]:
        return [process.popen.pid for process in self.processes.values()]


class WatchedCluster(Watched, ClusterBackend):
    """Workers of several machines."""

    def __init__(self, start: StartMessage, timeout_s: float, transport: Sockets) -> None:
        Watched.__init__(self)
        ClusterBackend.__init__(self, start, timeout_s, transport)
        self.transport = transport

    def events(self, timeout_s: float) -> list[Event]:
        return self.note(super().events(timeout_s))


@dataclass
class Outcome:
    lines: list[bytes] = field(default_factory=list)
    deaths: list[WorkerDied] = field(default_factory=list)
    lost: list[MachineLost] = field(default_factory=list)
    answered: list[tuple[float, int, int]] = field(default_factory=list)
    halted: str = ""
    seconds: float = 0.0
    complete: bool = False

    @property
    def next(self) -> int:
        return len(self.lines)

    def record(self, record: Record) -> None:
        assert record.first == len(self.lines)
        self.lines += [answer.line for answer in record.answers]

    def take_back(self, first: int) -> int:
        raise AssertionError("nothing is taken back here")

    def tick(self, now: float) -> None:
        """Nothing to commit."""


def run_faulty(
    folder: Path,
    names: list[str],
    *,
    workers: int = 2,
    timeout_s: float = 20.0,
    decode_threads: int = 0,
    alternate: bool = True,
    module: str = "tests.support.faulty_worker",
    interfere: Callable[[WatchedBackend], None] = lambda backend: None,
    policy: Policy | None = None,
    requests: StopRequests | None = None,
    machines: Sockets | None = None,
) -> Outcome:
    """Label these names, which are files with their name as content, by faulty workers.

    Args:
        folder: for everything.
        names: of the images.
        workers: on each machine.
        timeout_s: how long an image may stay in one stage.
        decode_threads: as of `StartMessage`.
        alternate: as of `StartMessage`.
        module: what a worker runs.
        interfere: called in each turn, where the workers are this machine's.
        policy: of the coordinator.
        requests: stop signals.
        machines: the workers are theirs.
    """
    images = folder / "images"
    images.mkdir(exist_ok=True)
    for name in names:
        (images / name).write_text(name)
    os.environ["FAULT_MARKS"] = str(folder)
    start = StartMessage(Job(workers=workers), Threads(), decode_threads, alternate)
    backend: WatchedBackend | WatchedCluster
    if machines is None:
        backend = WatchedBackend(start, folder / "log", timeout_s, module, interfere=interfere)
    else:
        backend = WatchedCluster(start, timeout_s, machines)
        place = Folder(str(images))
        backend.look_for(lambda most, share: [ImageRef(0, names[0], place)])
        workers = 0
    outcome = Outcome()
    began = time.monotonic()
    own_requests = requests or StopRequests()
    try:
        coordinator = Coordinator(workers, record.failure_answer, policy or Policy(chunk=8))
        for command in coordinator.start():
            backend.do(command)
        progress = Progress(started=began, workers=workers)
        presenter = Presenter(Job(progress="none"), RunPaths.of(folder / "results"), progress)
        loop = EventLoop(coordinator, backend, presenter, own_requests)
        if machines is not None:
            loop.load()  # until then nobody is there
        coordinator.begin(NamedWork(names, images), 0)
        loop.work(outcome)
        outcome.halted = loop.halted
        outcome.complete = coordinator.complete
    finally:
        backend.close()
        own_requests.close()
        os.environ.pop("FAULT_MARKS")
    outcome.deaths, outcome.lost = backend.deaths, backend.lost
    outcome.answered = backend.answered
    outcome.seconds = time.monotonic() - began
    return outcome


def check_lines(outcome: Outcome, names: list[str], culprits: dict[str, str]) -> None:
    assert outcome.halted == ""
    assert outcome.complete
    assert len(outcome.lines) == len(names)
    for index, (name, line) in enumerate(zip(names, outcome.lines, strict=True)):
        data = json.loads(line)
        assert (data["i"], data["path"]) == (index, name)
        kind = data["error"]["kind"] or None
        assert kind == culprits.get(name), (name, data)
