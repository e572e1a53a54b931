"""What the coordinator hears and what it says: events up, commands down. Plain data."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

from batchcls.images import FailureKind, ImageRef

CANARY = ImageRef(index=-1, path="<canary>")
"""A lease of the built-in image that is known to be good: does this worker work at all?"""

STAGES = ("read", "decode", "preprocess", "wait", "infer", "write")
"""What a worker does with an image, in this order. At "wait" the image is prepared, and waits for a
free infer request.
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """One image's line, ready for the results file, without its newline.

    Attributes:
        index: the image's position in the inputs list.
        line: the record, ASCII JSON.
        failed: the kind of failure, None when the image got its classes.
        label: the best label's name, for the dashboard.
    """

    index: int
    line: bytes
    failed: FailureKind | None = None
    label: str | None = None


RECENT = 32
"""So many images decide whether a device that has disagreed once is to go."""


class Checks(NamedTuple):
    """How one device of a worker does beside the CPU, by night; see `worker.night_check`.

    Attributes:
        lowest: index of the first image since the last check that it passed; -1 = none.
        passed: checks that it passed since the worker began.
        clear: clear images that both labelled.
        agreed: of these.
        fails: it surely labels otherwise.
        recent: indices of the last images since that check, in the order in which it labelled them;
            at most `RECENT`.
    """

    lowest: int
    passed: int
    clear: int
    agreed: int
    fails: bool
    recent: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class WorkerStats:
    """What a worker did since its last report; feeds the display, never a record.

    Attributes:
        images: images answered, by device name.
        latency: summed seconds from start to completion of their infer requests, by device name.
        in_flight: infer requests running now, by device name.
        spent: seconds by stage (`STAGES`).
        rss: resident memory, bytes.
        notes: what has come to light about the model, for people; nearly always empty.
        checks: of devices that are compared with the CPU, by device name.
    """

    images: Mapping[str, int] = field(default_factory=dict)
    latency: Mapping[str, float] = field(default_factory=dict)
    in_flight: Mapping[str, int] = field(default_factory=dict)
    spent: Mapping[str, float] = field(default_factory=dict)
    rss: int = 0
    notes: tuple[str, ...] = ()
    checks: Mapping[str, Checks] = field(default_factory=dict)


@dataclass(slots=True)
class LayerTime:
    """Where inference time went: one layer on one device, summed over infer requests.

    Attributes:
        device: the device string that ran it.
        name: the layer's.
        type: its operation ("Convolution").
        exec_type: the primitive that was chosen, with its precision ("brgconv_avx512_f32").
        status: "executed", "not_run" or "optimized_out".
        real_ms: wall time, milliseconds.
        cpu_ms: processor time, milliseconds.
        count: infer requests summed.
    """

    device: str
    name: str
    type: str
    exec_type: str
    status: str
    real_ms: float = 0.0
    cpu_ms: float = 0.0
    count: int = 0

    def as_dict(self) -> dict[str, Any]:
        """JSON data."""
        return asdict(self)


# ---- events, from the backend


@dataclass(frozen=True, slots=True)
class WorkerReady:
    """A worker has compiled its models; `description` says what it resolved (JSON data)."""

    worker: int
    description: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class WorkerRefused:
    """A worker says that the job is wrong (model, device, labels): no retry helps."""

    worker: int
    error: str
    message: str


@dataclass(frozen=True, slots=True)
class Answered:
    """A worker answered images of one lease."""

    worker: int
    lease: int
    answers: tuple[Answer, ...]
    stats: WorkerStats | None = None


@dataclass(frozen=True, slots=True)
class WorkerDied:
    """A worker is gone: crashed, killed for its silence, or for breaking the protocol.

    Attributes:
        cause: for people: "SIGSEGV", "exit status 1", "silent for 30 s".
        timeout: it was killed because it hung.
        in_flight: indices of the images it was working on at that moment; empty if unknown.
        stage: what it was doing with them ("decode", "infer", …), empty if unknown.
    """

    worker: int
    cause: str
    timeout: bool = False
    in_flight: tuple[int, ...] = ()
    stage: str = ""


@dataclass(frozen=True, slots=True)
class MachineJoined:
    """A machine is there to work; its workers are to be started by their numbers.

    Attributes:
        machine: never used before: a machine that comes back joins under another number. The only
            machine of a local run is 0, and is there from the start without this event.
        name: for people: "node7".
        workers: numbers of its workers, never used before.
        share: bytes of its memory that one of them may take; 0 = unknown.
    """

    machine: int
    name: str
    workers: tuple[int, ...]
    share: int = 0


@dataclass(frozen=True, slots=True)
class MachineLost:
    """A machine is gone, and all its workers with it; nothing of them is heard any more.

    Attributes:
        cause: for people: "silent for 30 s".
    """

    machine: int
    cause: str


@dataclass(frozen=True, slots=True)
class MachineLeftOut:
    """A machine that never joined, for people: it has another version, or sees no images."""

    name: str
    reason: str


Event = (
    WorkerReady
    | WorkerRefused
    | Answered
    | WorkerDied
    | MachineJoined
    | MachineLost
    | MachineLeftOut
)


# ---- commands, from the coordinator


@dataclass(frozen=True, slots=True)
class StartWorker:
    """Start a process for this worker number."""

    worker: int


@dataclass(frozen=True, slots=True)
class StopWorker:
    """Ask a worker to leave: once its leases are answered, or (`drain`) its started images."""

    worker: int
    drain: bool = False


@dataclass(frozen=True, slots=True)
class Lease:
    """Hand a chunk of images to a worker; `solo` is one suspect on its own."""

    worker: int
    lease: int
    images: tuple[ImageRef, ...]
    solo: bool = False


@dataclass(frozen=True, slots=True)
class RetireMachine:
    """Take nothing more from a machine, and end what runs there; `reason` is for people."""

    machine: int
    reason: str


@dataclass(frozen=True, slots=True)
class Record:
    """Append these lines; the first is line `first` of the results file."""

    first: int
    answers: tuple[Answer, ...]


@dataclass(frozen=True, slots=True)
class Halt:
    """Stop early, resumable: workers or images show that the job itself is wrong."""

    reason: str


BackendCommand = StartWorker | StopWorker | Lease | RetireMachine
"""What a backend carries out."""

Command = BackendCommand | Record | Halt
