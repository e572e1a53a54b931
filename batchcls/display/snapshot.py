"""What a run looks like at one moment, as frozen data: the only thing that displays ever see.

Also the schema of ``progress.json``. Its text comes from outside (paths, labels, messages) and is
kept as it is; whoever draws it makes it safe (`batchcls.display.text`). Seconds, bytes, images/s.

Read back by hand: msgspec (0.22, BSD-3) would save thirty lines, but takes 12 ms to import, and to
it the lone surrogates of file names that are not UTF-8 are no JSON.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from math import isfinite
from types import UnionType
from typing import Any, Literal, Self, get_args, get_origin

SCHEMA = 1

State = Literal[
    "listing", "loading", "running", "waiting", "draining", "done", "stopped", "interrupted"
]
FINAL_STATES: frozenset[str] = frozenset({"done", "stopped", "interrupted"})


@dataclass(frozen=True, slots=True)
class WorkerRow:
    """One worker on one of its devices; in a cluster, all workers of one machine on it.

    Attributes:
        worker: the worker's number; -1 in a row of a machine.
        device: the device string; empty until the worker reports what it uses.
        state: starting, running, idle, silent, restarting, gone; of a machine also lost, retired or
            left out.
        images: answered on this device, by all processes of this worker.
        rate: images/s over the last ten seconds.
        history: images/s in equal steps of time, oldest first.
        latency_ms: of the infer requests, smoothed over the last ones; None before the first.
        latency_mean_ms: the same over the whole session.
        in_flight: infer requests running at the last report.
        nireq: infer requests there are; 0 if unknown.
        busy: mean share of infer requests that were running, 0 to 1; None if unknown.
        restarts: how often the worker's process was replaced.
        rss: resident memory of the worker's process, bytes.
        silent_s: seconds since the worker's last report.
        machine: the machine's name; empty where there is but one.
        workers: how many the row stands for.
        losses: how often the machine was lost.
    """

    worker: int = 0
    device: str = ""
    state: str = "starting"
    images: int = 0
    rate: float = 0.0
    history: tuple[float, ...] = ()
    latency_ms: float | None = None
    latency_mean_ms: float | None = None
    in_flight: int = 0
    nireq: int = 0
    busy: float | None = None
    restarts: int = 0
    rss: int = 0
    silent_s: float = 0.0
    machine: str = ""
    workers: int = 1
    losses: int = 0


@dataclass(frozen=True, slots=True)
class FailedImage:
    """One of the last failures."""

    index: int = -1
    path: str = ""
    kind: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A run at one moment.

    Attributes:
        schema: of this JSON; a reader refuses a newer one.
        model: its name, for the title.
        devices: device strings, as given.
        sources: as given.
        results: path of the results file.
        pid: of the coordinator.
        host: it runs on.
        state: listing, loading, running, waiting (for new images), draining; done, stopped or
            interrupted at the end.
        total: images of the inputs list; None while it is being listed.
        done: lines recorded, those of earlier sessions included.
        ok: lines with classes.
        failed: lines with an error.
        failed_by_kind: failures by kind, earlier sessions included where they were counted.
        resumed: lines that were there already when this session began.
        held: answered, but waiting for an earlier image's line.
        answered: images answered in this session.
        labelled: images that got classes in this session; what `labels` counts.
        rate_now: images/s over the last ten seconds.
        rate_mean: images/s of this session since the first worker was ready.
        eta_s: seconds to the end; None while it cannot be estimated.
        elapsed_s: seconds since this session began.
        waiting_s: seconds for which new images have been waited for; None in other states.
        startup_s: seconds until the first worker was ready; None before that.
        updated_at: of this snapshot, seconds since the epoch.
        history: images/s of all workers in equal steps of time, oldest first.
        workers: one row per worker and device.
        spent: seconds spent by stage, summed over workers.
        agreement: of devices that are compared with the CPU, before the run and during it: device
            string → clear images with the same best class, and all clear ones.
        labels: the most frequent best labels so far, with their counts.
        failures: the last failures, newest first.
        warnings: for the person at the terminal.
        summary: facts of the finished run (`display.summary`), None before its end.
    """

    schema: int = SCHEMA
    model: str = ""
    devices: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    results: str = ""
    pid: int = 0
    host: str = ""
    state: str = "listing"
    total: int | None = None
    done: int = 0
    ok: int = 0
    failed: int = 0
    failed_by_kind: Mapping[str, int] = field(default_factory=dict)
    resumed: int = 0
    held: int = 0
    answered: int = 0
    labelled: int = 0
    rate_now: float = 0.0
    rate_mean: float = 0.0
    eta_s: float | None = None
    elapsed_s: float = 0.0
    waiting_s: float | None = None
    startup_s: float | None = None
    updated_at: float = 0.0
    history: tuple[float, ...] = ()
    workers: tuple[WorkerRow, ...] = ()
    spent: Mapping[str, float] = field(default_factory=dict)
    agreement: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    labels: tuple[tuple[str, int], ...] = ()
    failures: tuple[FailedImage, ...] = ()
    warnings: tuple[str, ...] = ()
    summary: Mapping[str, Any] | None = None

    @property
    def finished(self) -> bool:
        """Nothing more will come of this session."""
        return self.state in FINAL_STATES

    @property
    def restarts(self) -> int:
        """Worker processes that were replaced."""
        return sum({(row.machine, row.worker): row.restarts for row in self.workers}.values())

    @property
    def share(self) -> float | None:
        """Done, from 0 to 1; None while the total is unknown."""
        if self.total is None:
            return None
        return min(1.0, self.done / self.total) if self.total else 1.0

    def to_json(self) -> str:
        """One line of ASCII JSON, without a newline."""
        return json.dumps(asdict(self), allow_nan=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """The snapshot of `to_json`; keys that are missing get their default, unknown ones go.

        Raises:
            ValueError: not JSON, not a snapshot, or of a newer schema.
        """
        try:
            data = json.loads(text)
            if not isinstance(data, dict) or not isinstance(data.get("schema"), int):
                raise ValueError("not a progress snapshot")
            if data["schema"] > SCHEMA:
                raise ValueError(f"progress schema {data['schema']} is newer than this batchcls")
            snapshot: Self = _typed(cls, data)
        except (TypeError, OverflowError, RecursionError) as error:
            raise ValueError(f"damaged progress snapshot: {error}") from error
        return snapshot


def _typed(kind: Any, value: Any) -> Any:
    """JSON data, which anyone may have written, as a value of this type of the fields above.

    Raises:
        TypeError: it is none.
        ValueError: a tuple of another length.
        OverflowError: a number beyond all floats.
    """
    origin, parts = get_origin(kind), get_args(kind)
    if kind is Any:
        return value
    if origin is UnionType:
        return None if value is None else _typed(parts[0], value)
    if isinstance(kind, type) and is_dataclass(kind):
        known = {f.name: f.type for f in fields(kind) if f.name in _checked(dict, value)}
        return kind(**{name: _typed(known[name], value[name]) for name in known})
    if origin is Mapping:
        return {key: _typed(parts[1], one) for key, one in _checked(dict, value).items()}
    if origin is tuple:
        kinds = parts[:1] * len(_checked(list, value)) if parts[-1] is Ellipsis else parts
        return tuple(_typed(one, item) for one, item in zip(kinds, value, strict=True))
    if kind is str:
        return _checked(str, value)
    if isinstance(value, bool) or not isfinite(_checked(int | float, value)):
        raise TypeError(f"{value!r:.40} is not a number")
    return int(value) if kind is int else value


def _checked(kind: Any, value: Any) -> Any:
    if not isinstance(value, kind):
        raise TypeError(f"{value!r:.40} is not of the expected type")
    return value
