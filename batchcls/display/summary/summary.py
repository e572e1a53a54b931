"""What a finished run amounts to: figures, the bottleneck, and what to do next. Pure."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from batchcls.display import text
from batchcls.display.progress.description import agreed_of, operations_of, precision_of
from batchcls.display.snapshot import Snapshot
from batchcls.messages import STAGES

Bottleneck = Literal["inference", "decoding", "reading", "start-up", ""]

SHORT_S = 3.0
FULL_RING = 0.5


@dataclass(frozen=True, slots=True)
class DeviceFigures:
    """One device string, all workers together.

    Attributes:
        latency_ms: mean latency of its infer requests.
        operations: of the model, by the device that runs them; for HETERO, else empty.
    """

    device: str
    images: int
    fps: float
    latency_ms: float | None
    workers: int
    operations: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MachineFigures:
    """One machine of a cluster, all its workers and devices together.

    Attributes:
        machine: its name.
        images: answered on it; an image that two machines answered counts twice.
        fps: images/s.
        restarts: worker processes that were replaced.
        losses: how often the machine was lost.
        state: at the end.
    """

    machine: str
    images: int
    fps: float
    restarts: int
    losses: int
    state: str


@dataclass(frozen=True, slots=True)
class Summary:
    """A run that is over.

    Attributes:
        state: done, stopped or interrupted.
        reason: why it ended early, for people.
        total: images of the inputs list.
        done: lines recorded.
        ok: lines with classes.
        failed: lines with an error.
        failed_by_kind: the most frequent first.
        resumed: lines that were there before this session.
        answered: images answered in this session.
        wall_s: seconds of this session.
        startup_s: of those, until the first worker was ready.
        fps: images/s of this session after start-up.
        devices: the same by device.
        machines: the same by machine, where there were several.
        spent: seconds by stage, summed over workers.
        bottleneck: inference, decoding, reading, start-up; empty where it cannot be told.
        why: the bottleneck in a sentence, and what may help.
        faster: what would have been quicker, in a sentence.
        precision: in which each device computed, by its name.
        agreed: how well each that was checked agrees with the CPU.
    """

    state: str = "done"
    reason: str = ""
    results: str = ""
    total: int = 0
    done: int = 0
    ok: int = 0
    failed: int = 0
    failed_by_kind: Mapping[str, int] = field(default_factory=dict)
    resumed: int = 0
    answered: int = 0
    wall_s: float = 0.0
    startup_s: float = 0.0
    fps: float = 0.0
    devices: tuple[DeviceFigures, ...] = ()
    machines: tuple[MachineFigures, ...] = ()
    restarts: int = 0
    spent: Mapping[str, float] = field(default_factory=dict)
    bottleneck: Bottleneck = ""
    why: str = ""
    faster: str = ""
    next_steps: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    precision: Mapping[str, str] = field(default_factory=dict)
    agreed: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """JSON data, for ``summary.json`` and `Progress.on_summary`."""
        return asdict(self)


def summarise(snapshot: Snapshot, extra: Mapping[str, Any] | None = None) -> Summary:
    """The summary of a run from its last snapshot.

    Args:
        extra: what a snapshot does not hold: "description" of a worker (for the operations by
            device), "reason" of an early end, "faster" (what would have been quicker), "cure" of
            what no installed decoder reads.
    """
    extra = extra or {}
    shot = snapshot
    kinds = sorted(shot.failed_by_kind.items(), key=lambda pair: (-pair[1], pair[0]))
    bottleneck = find_bottleneck(shot)
    return Summary(
        state=shot.state,
        reason=str(extra.get("reason") or ""),
        results=shot.results,
        total=shot.done if shot.total is None else shot.total,
        done=shot.done,
        ok=shot.ok,
        failed=shot.failed,
        failed_by_kind=dict(kinds),
        resumed=shot.resumed,
        answered=shot.answered,
        wall_s=shot.elapsed_s,
        startup_s=shot.startup_s or 0.0,
        fps=shot.rate_mean,
        devices=_devices(shot, operations_of(extra.get("description"))),
        machines=_machines(shot),
        restarts=shot.restarts,
        spent=dict(shot.spent),
        bottleneck=bottleneck,
        why=_render_bottleneck(bottleneck, shot),
        faster=str(extra.get("faster") or ""),
        next_steps=_next_steps(shot, str(extra.get("cure") or "")),
        warnings=shot.warnings,
        precision=precision_of(extra.get("description")),
        agreed=agreed_of(extra.get("description")),
    )


def find_bottleneck(shot: Snapshot) -> Bottleneck:
    """What limited the throughput.

    A worker's loop waits either for a free infer request ("infer": the device is the limit) or for
    a decoded image ("wait": the device starves). Without decode threads nothing ever waits for an
    image; then rings that are mostly empty tell that the device starves.
    """
    spent = {stage: shot.spent.get(stage, 0.0) for stage in STAGES if stage != "write"}
    if not shot.answered or not any(spent.values()):
        return ""
    startup = shot.startup_s or 0.0
    if shot.elapsed_s < 2 * startup or shot.elapsed_s - startup < SHORT_S:
        return "start-up" if startup > shot.elapsed_s / 2 else ""
    feed = spent["read"] + spent["decode"] + spent["preprocess"]
    busy = [row.busy for row in shot.workers if row.busy is not None and row.images]
    full = sum(busy) / len(busy) >= FULL_RING if busy else spent["infer"] > feed
    if spent["infer"] > spent["wait"] and (full or spent["infer"] > feed):
        return "inference"
    return "reading" if spent["read"] > spent["decode"] + spent["preprocess"] else "decoding"


def _devices(
    shot: Snapshot, operations: Mapping[str, Mapping[str, int]]
) -> tuple[DeviceFigures, ...]:
    figures = []
    for device in dict.fromkeys(row.device for row in shot.workers if row.device):
        rows = [row for row in shot.workers if row.device == device]
        images = sum(row.images for row in rows)
        answered = sum(row.images for row in shot.workers)
        latency = [(row.latency_mean_ms, row.images) for row in rows]
        figures.append(
            DeviceFigures(
                device=device,
                images=images,
                # Its part of the whole, so that the devices add up to the rate of the run.
                fps=round(shot.rate_mean * images / answered, 3) if answered else 0.0,
                latency_ms=_mean(latency),
                workers=sum(row.workers for row in rows),
                operations=operations.get(device, {}),
            )
        )
    return tuple(figures)


def _machines(shot: Snapshot) -> tuple[MachineFigures, ...]:
    answered = sum(row.images for row in shot.workers)
    figures = []
    for name in dict.fromkeys(row.machine for row in shot.workers if row.machine):
        rows = [row for row in shot.workers if row.machine == name]
        images = sum(row.images for row in rows)
        fps = round(shot.rate_mean * images / answered, 3) if answered else 0.0
        one = rows[0]
        figures.append(MachineFigures(name, images, fps, one.restarts, one.losses, one.state))
    return tuple(figures)


def _mean(values: Sequence[tuple[float | None, int]]) -> float | None:
    """The mean of (value, weight), of those whose value is known; None if there is none."""
    known = [(value, weight) for value, weight in values if value is not None]
    total = sum(weight for _, weight in known)
    return round(sum(value * weight for value, weight in known) / total, 3) if total else None


def _render_bottleneck(bottleneck: Bottleneck, shot: Snapshot) -> str:
    match bottleneck:
        case "inference":
            return (
                "inference: images were ready before the devices were. An INT8 model, a smaller "
                "model, a larger `--batch-size` or another `--device` can be faster."
            )
        case "decoding":
            return (
                "decoding: the devices waited for decoded images. More `--decode-threads` or "
                "`--workers` help while there are idle cores; smaller files always help."
            )
        case "reading":
            return (
                "reading: the devices waited for files to be read. More `--workers` or "
                "`--decode-threads` hide the storage's latency; a local copy of the images "
                "removes it."
            )
        case "start-up":
            startup = text.duration(shot.startup_s or 0.0)
            return (
                f"start-up: loading took {startup} of {text.duration(shot.elapsed_s)}. A run over "
                "more images hardly notices it."
            )
    return ""


def _next_steps(shot: Snapshot, cure: str) -> tuple[str, ...]:
    if shot.state != "done":
        left = max((shot.total or 0) - shot.done, 0)
        images = text.counted(left, "image is left", "images are left")
        return (f"run the same command to resume; {images}",)
    steps = [cure] if cure else []
    others = shot.failed - shot.failed_by_kind.get("no_decoder", 0)
    if others:
        images = "failed image" if others == 1 else f"{text.count(others)} failed images"
        steps.append(f"add `--retry-failed` to try the {images} again")
    if shot.ok:
        results = shlex.quote(shot.results)
        steps.append(f"`batchcls evaluate {results} --truth FILE` compares with known labels")
    return tuple(steps)
