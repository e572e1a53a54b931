"""Folds events and recorded lines into what a display needs. Pure: the clock is an argument.

Rules of this file:

1. Memory does not grow with the run: labels are capped, failures are the last five, histories have
   a fixed length, rows exist only for workers that exist.
2. `on_event` and `on_recorded` are on the coordinator's hot path (2 µs per image): they add. What
   costs (parsing a failed record, sorting labels, dividing) is done in `snapshot`.
3. Rates and the ETA come from what workers answered in this session. Lines of earlier sessions, and
   lines that wait for an earlier image, change neither.
4. What a worker reports is believed only as far as it is counted: unknown stages and devices
   beyond a few are dropped.
"""

import heapq
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from batchcls.display.progress.description import DEVICES_PER_WORKER, nireq_of
from batchcls.display.progress.failed_images import read_failed
from batchcls.display.progress.rate import Rate
from batchcls.display.progress.worker_row import Row
from batchcls.display.snapshot import FINAL_STATES, Snapshot, State, WorkerRow
from batchcls.messages import (
    STAGES,
    Answer,
    Answered,
    Event,
    WorkerDied,
    WorkerReady,
    WorkerRefused,
    WorkerStats,
)

LABELS_KEPT = 32_768
LABEL_LENGTH = 200
LABELS_SHOWN = 8
FAILURES_SHOWN, WARNINGS_SHOWN = 5, 20
NOW_S = 10.0
LATELY_S = 60.0
NO_ETA = FINAL_STATES | {"waiting"}


class Progress:
    """The state of a run's display.

    Args:
        started: monotonic seconds at which the session began.
        started_at: the same moment, in seconds since the epoch.
        model: name of the model, for the title.
        devices: device strings, as given.
        sources: as given.
        pid: of the coordinator.
        workers: worker processes that will be started; their rows are there from the start.
    """

    def __init__(
        self,
        *,
        started: float,
        started_at: float = 0.0,
        model: str = "",
        devices: Sequence[str] = (),
        sources: Sequence[str] = (),
        results: str = "",
        pid: int = 0,
        host: str = "",
        workers: int = 0,
    ) -> None:
        self._started = started
        self._started_at = started_at
        self._title: dict[str, Any] = {
            "model": model,
            "devices": tuple(devices),
            "sources": tuple(sources[:20]),
            "results": results,
            "pid": pid,
            "host": host,
        }
        self.state: State = "listing"
        self._total: int | None = None
        self._resumed = 0
        self._recorded = 0
        self._labelled = 0
        self._failed: dict[str, int] = {}
        self._rate = Rate()
        self._last_answer = started
        self._rows: dict[int, dict[str, Row]] = {n: {"": Row(n, "")} for n in range(workers)}
        self._spent: dict[str, float] = dict.fromkeys(STAGES, 0.0)
        self._agreement: Mapping[str, tuple[int, int]] = {}
        self._labels: dict[str, int] = {}
        self._last_failed: deque[Answer] = deque(maxlen=FAILURES_SHOWN)
        self._warnings: list[str] = []
        self._summary: Mapping[str, Any] | None = None

    # ---- what happens in the run

    def on_state(self, state: State) -> None:
        """The run has come to its next state."""
        self.state = state

    def on_listed(
        self, total: int, resumed: int = 0, resumed_failed: Mapping[str, int] | None = None
    ) -> None:
        """The inputs list is frozen, and the journal recovered.

        Args:
            total: images of the inputs list.
            resumed: lines that are there already.
            resumed_failed: how many of those are failures, by kind, if that was counted.
        """
        self._total = total
        self._resumed = resumed
        self._failed = dict(resumed_failed or {})

    def on_waiting(self, now: float) -> None:
        """Every image is labelled, and more may come."""
        self.state = "waiting"
        self._rate.pause(now)

    def on_grown(self, total: int, now: float) -> None:
        """More have come; so many are on the list now."""
        self.state, self._total = "running", total
        self._rate.resume(now)

    def warn(self, text: str) -> None:
        """Show something to the person at the terminal, once."""
        if text not in self._warnings and len(self._warnings) < WARNINGS_SHOWN:
            self._warnings.append(text)

    def on_agreement(self, found: Mapping[str, tuple[int, int]]) -> None:
        """Device → clear images that it labelled as the CPU does, and all that both labelled."""
        self._agreement = found

    def on_summary(self, facts: Mapping[str, Any]) -> None:
        """The facts of the finished run (JSON data), to go with the last snapshot."""
        self._summary = facts

    def on_event(self, event: Event, now: float) -> None:
        """An event from a worker, at monotonic second `now`."""
        match event:
            case Answered():
                self._answered(event, now)
            case WorkerReady():
                self._ready(event, now)
            case WorkerDied():
                self._died(event.worker, now)
            case WorkerRefused():
                self.warn(event.message)

    def on_retired(self, machine: int, reason: str) -> None:
        """Nothing more is taken from this machine."""
        self.warn(f"machine {machine} labels no more images: {reason}")

    def on_recorded(self, answers: Sequence[Answer], now: float) -> None:
        """These lines are in the results file."""
        self._recorded += len(answers)
        labels = self._labels
        for answer in answers:
            if answer.failed is not None:
                self._failed[answer.failed] = self._failed.get(answer.failed, 0) + 1
                self._last_failed.append(answer)
                continue
            self._labelled += 1
            if (label := answer.label) is not None:
                if label in labels:
                    labels[label] += 1
                else:
                    self._new_label(label)

    # ---- what the display asks

    def snapshot(self, now: float, wall: float | None = None) -> Snapshot:
        """The run at monotonic second `now`; `wall` is the time of day, if it was read."""
        final = self.state in FINAL_STATES
        done = self._resumed + self._recorded
        failed = sum(self._failed.values())
        ending = final or self.state == "draining" or (done >= (self._total or done + 1))
        since = self._rate.since
        return Snapshot(
            **self._title,
            state=self.state,
            total=self._total,
            done=done,
            ok=done - failed,
            failed=failed,
            failed_by_kind=dict(self._failed),
            resumed=self._resumed,
            held=max(0, self._rate.total - self._recorded),
            answered=self._rate.total,
            labelled=self._labelled,
            rate_now=0.0 if final or since is None else round(self._rate.over(NOW_S, now), 3),
            rate_mean=round(self._rate.mean(self._last_answer if final else now), 3),
            eta_s=self._eta(now),
            elapsed_s=round(max(0.0, now - self._started), 3),
            waiting_s=self._rate.paused_s(now) if self.state == "waiting" else None,
            startup_s=None if since is None else round(since - self._started, 3),
            updated_at=self._started_at + (now - self._started) if wall is None else wall,
            history=self._rate.history(now),
            workers=tuple(self._all_rows(now, ending=ending, idle=self.state == "waiting")),
            spent={stage: round(seconds, 3) for stage, seconds in self._spent.items()},
            agreement=dict(self._agreement),
            labels=tuple(heapq.nlargest(LABELS_SHOWN, self._labels.items(), key=_by_count)),
            failures=tuple(read_failed(answer) for answer in reversed(self._last_failed)),
            warnings=tuple(self._warnings),
            summary=self._summary,
        )

    def _eta(self, now: float) -> float | None:
        """Remaining images by the mean of two rates: the last minute's, and the session's.

        The last minute alone follows every folder of large images, the session alone learns of a
        lost device only after hours. None while there is too little to go by, or all stands still.
        """
        if self._total is None or self._rate.since is None or self.state in NO_ETA:
            return None
        left = self._total - self._resumed - max(self._recorded, self._rate.total)
        if left <= 0:
            return 0.0
        lately = self._rate.over(LATELY_S, now)
        if now - self._rate.since < 2.0 or lately <= 0.0:
            return None
        return round(left / ((lately + self._rate.mean(now)) / 2), 1)

    # ---- events

    def _ready(self, event: WorkerReady, now: float) -> None:
        self._rate.start(now)
        nireq = nireq_of(event.description)
        devices = nireq or dict.fromkeys(self._title["devices"] or ("?",), 0)
        self._begin_rows(event.worker, devices, now)
        for warning in _texts(event.description.get("warnings")):
            self.warn(warning)

    def _answered(self, event: Answered, now: float) -> None:
        answers = event.answers
        count = len(answers)
        if count and answers[0].index < 0:  # the canary, which is no image of the run
            count -= 1
        self._rate.add(count, now)
        self._last_answer = now
        if event.stats is not None:
            self._report(event.worker, event.stats, now)

    def _report(self, worker: int, stats: WorkerStats, now: float) -> None:
        rows = self._rows_of(worker)
        for note in stats.notes:
            self.warn(note)
        for stage, seconds in stats.spent.items():
            if stage in self._spent:
                self._spent[stage] += seconds
        for device in {**stats.images, **stats.in_flight}:
            row = rows.get(device) or self._row(rows, worker, device)
            if row is not None:
                row.report(stats, now)

    def _row(self, rows: dict[str, Row], worker: int, device: str) -> Row | None:
        if device not in rows and len(rows) < DEVICES_PER_WORKER:
            row = rows.pop("") if "" in rows else Row(worker, "")
            row.device = device
            rows[device] = row
        return rows.get(device)

    # ---- rows; `cluster_progress` has others

    def _rows_of(self, worker: int) -> dict[str, Row]:
        return self._rows.setdefault(worker, {})

    def _begin_rows(self, worker: int, nireq: Mapping[str, int], now: float) -> None:
        rows = self._rows_of(worker)
        for device in nireq:
            self._row(rows, worker, device)
        for row in rows.values():
            row.ready(now, nireq.get(row.device, 0))

    def _died(self, worker: int, now: float) -> None:
        for row in self._rows.get(worker, {}).values():
            row.died(now)

    def _all_rows(self, now: float, *, ending: bool, idle: bool) -> list[WorkerRow]:
        rows = (row for _, rows in sorted(self._rows.items()) for row in rows.values())
        return [row.snapshot(now, ending=ending, idle=idle) for row in rows]

    def _new_label(self, label: str) -> None:
        """Count a label not seen before; halve the table by frequency when it is full."""
        label = label[:LABEL_LENGTH]
        if len(self._labels) >= LABELS_KEPT and label not in self._labels:
            kept = heapq.nlargest(LABELS_KEPT // 2, self._labels.items(), key=_by_count)
            self._labels.clear()
            self._labels.update(kept)
        self._labels[label] = self._labels.get(label, 0) + 1


def _texts(value: object) -> list[str]:
    return [t for t in value if isinstance(t, str)] if isinstance(value, list | tuple) else []


def _by_count(pair: tuple[str, int]) -> int:
    return pair[1]
