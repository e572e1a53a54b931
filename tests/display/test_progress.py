"""The fold from events to a snapshot, by a clock that the test turns."""

import json
import sys
import time
from typing import Any

import pytest

from batchcls.display.progress.progress import LABELS_KEPT, Progress
from batchcls.display.snapshot import Snapshot, WorkerRow
from batchcls.messages import CANARY, Answer, Answered, WorkerDied, WorkerReady, WorkerStats


def running(total: int = 1000, resumed: int = 0, workers: int = 1) -> Progress:
    progress = Progress(
        started=100.0, started_at=1.7e9, model="m", devices=("CPU",), results="r.jsonl",
        workers=workers,
    )  # fmt: skip
    progress.on_state("loading")
    progress.on_listed(total, resumed)
    progress.on_state("running")
    return progress


def ready(progress: Progress, now: float, worker: int = 0, **nireq: int) -> None:
    devices = [{"used": device, "nireq": n} for device, n in (nireq or {"CPU": 4}).items()]
    description = {"devices": devices, "warnings": ["GPU is missing"]}
    progress.on_event(WorkerReady(worker, description), now)


def ok(index: int, label: str = "tabby") -> Answer:
    return Answer(index, b'{"i":%d}' % index, None, label)


def failed(index: int, path: str = "a.jpg", message: str = "ends early") -> Answer:
    record = {"i": index, "path": path, "error": {"kind": "truncated", "message": message}}
    return Answer(index, json.dumps(record).encode(), "truncated")


def answer(progress: Progress, now: float, first: int, count: int, **stats: object) -> None:
    """`count` images answered and recorded at `now`, as a worker with one device does."""
    answers = tuple(ok(i) for i in range(first, first + count))
    report = WorkerStats(
        images={"CPU": count}, latency={"CPU": 0.02 * count}, in_flight={"CPU": 3},
        spent={"decode": 0.6, "infer": 0.2}, rss=200_000_000,
    )  # fmt: skip
    progress.on_event(Answered(0, 0, answers, report), now)
    progress.on_recorded(answers, now)


def at_steady_100(resumed: int = 0, total: int = 10_000, seconds: int = 30) -> Progress:
    progress = running(total, resumed)
    ready(progress, 101.0)
    for second in range(seconds):
        answer(progress, 102.0 + second, resumed + 100 * second, 100)
    return progress


def test_counts_and_rates_of_a_steady_run() -> None:
    shot = at_steady_100().snapshot(131.0)
    assert (shot.done, shot.ok, shot.failed, shot.held) == (3000, 3000, 0, 0)
    assert shot.rate_now == pytest.approx(100, rel=0.1)
    assert shot.rate_mean == pytest.approx(100, rel=0.01)
    assert shot.eta_s == pytest.approx(70, rel=0.05)
    assert shot.elapsed_s == 31.0
    assert shot.startup_s == 1.0
    assert shot.updated_at == 1.7e9 + 31.0
    assert shot.warnings == ("GPU is missing",)


def test_resumed_lines_are_done_but_change_no_rate() -> None:
    fresh, resumed = at_steady_100(0), at_steady_100(5000)
    there, here = resumed.snapshot(131.0), fresh.snapshot(131.0)
    assert there.done == here.done + 5000
    assert there.resumed == 5000
    assert there.rate_mean == here.rate_mean
    assert there.eta_s == pytest.approx(20, rel=0.05)


def test_eta_follows_a_slowdown_and_is_unknown_when_all_stands_still() -> None:
    progress = at_steady_100()
    before = progress.snapshot(131.0).eta_s
    for tick in range(40):
        answer(progress, 132.0 + tick, 3000 + 20 * tick, 20)
    shot = progress.snapshot(172.0)
    assert before is not None
    assert shot.eta_s is not None
    assert shot.eta_s > before
    assert shot.rate_now == pytest.approx(20, rel=0.2)
    stalled = progress.snapshot(400.0)
    assert stalled.eta_s is None
    assert stalled.rate_now == 0.0
    assert stalled.workers[0].state == "silent"


def test_the_row_of_a_worker() -> None:
    row = at_steady_100().snapshot(131.0).workers[0]
    assert isinstance(row, WorkerRow)
    assert (row.worker, row.device, row.state) == (0, "CPU", "running")
    assert (row.images, row.in_flight, row.nireq, row.rss) == (3000, 3, 4, 200_000_000)
    assert row.latency_ms == pytest.approx(20.0)
    assert row.busy == 0.75
    assert len(row.history) == 15


def test_latency_follows_the_last_requests_and_the_mean_keeps_all() -> None:
    progress = running()
    ready(progress, 101.0)
    for tick in range(40):
        stats = WorkerStats({"CPU": 10}, {"CPU": 0.2 if tick < 20 else 0.4}, {"CPU": 4})
        progress.on_event(Answered(0, tick, (), stats), 102.0 + tick)
    row = progress.snapshot(142.0).workers[0]
    assert row.latency_ms == pytest.approx(40.0, rel=0.02)
    assert row.latency_mean_ms == pytest.approx(30.0)


def test_time_by_stage_ignores_stages_nobody_knows() -> None:
    progress = running()
    ready(progress, 101.0)
    progress.on_event(Answered(0, 0, (), WorkerStats(spent={"decode": 2.0, "magic": 9.0})), 102.0)
    spent = progress.snapshot(103.0).spent
    assert spent["decode"] == 2.0
    assert "magic" not in spent


def test_a_restart_is_counted_when_the_next_process_is_ready() -> None:
    progress = running(workers=2)
    ready(progress, 101.0, 0)
    progress.on_event(WorkerDied(0, "SIGSEGV"), 105.0)
    progress.on_event(WorkerDied(1, "SIGKILL"), 105.0)  # before it was ready
    assert [r.state for r in progress.snapshot(106.0).workers] == ["restarting", "restarting"]
    ready(progress, 107.0, 0)
    ready(progress, 107.0, 1)
    rows = progress.snapshot(108.0).workers
    assert [(r.state, r.restarts) for r in rows] == [("running", 1), ("running", 1)]


def test_at_the_end_a_dead_worker_has_left() -> None:
    progress = running(total=1)
    ready(progress, 101.0)
    answer(progress, 102.0, 0, 1)
    progress.on_event(WorkerDied(0, "exit status 0"), 103.0)
    assert progress.snapshot(104.0).workers[0].state == "gone"


def test_rows_for_each_device() -> None:
    progress = running(workers=2)
    ready(progress, 101.0, 1, CPU=4, VCPU=2)
    rows = progress.snapshot(102.0).workers
    assert [(r.worker, r.device, r.nireq) for r in rows] == [
        (0, "", 0),
        (1, "CPU", 4),
        (1, "VCPU", 2),
    ]


def test_one_device_named_twice_is_one_row_with_the_requests_of_both() -> None:
    progress = running()
    description = {"devices": [{"used": "CPU", "nireq": 4}, {"used": "CPU", "nireq": 4}]}
    progress.on_event(WorkerReady(0, description), 101.0)
    assert [(r.device, r.nireq) for r in progress.snapshot(102.0).workers] == [("CPU", 8)]


@pytest.mark.parametrize(
    "description",
    [{}, {"devices": 3}, {"devices": [3]}, {"devices": [{"used": 3}]}, {"warnings": 3},
     {"devices": [{"used": "CPU", "nireq": "4"}] * 100}],
)  # fmt: skip
def test_a_description_of_another_shape_costs_only_the_details(description: dict[str, Any]) -> None:
    progress = running()
    progress.on_event(WorkerReady(0, description), 101.0)
    rows = progress.snapshot(102.0).workers
    assert [(r.device, r.state, r.nireq) for r in rows] == [("CPU", "running", 0)]


def test_failures_by_kind_and_the_last_five_newest_first() -> None:
    progress = running()
    progress.on_recorded([failed(i, f"{i}.jpg") for i in range(9)], 101.0)
    shot = progress.snapshot(102.0)
    assert shot.failed_by_kind == {"truncated": 9}
    assert [f.path for f in shot.failures] == [f"{i}.jpg" for i in (8, 7, 6, 5, 4)]
    assert shot.failures[0].message == "ends early"


@pytest.mark.parametrize("line", [b"", b"not json", b"[]", b'{"error":1}', b'{"path":3}'])
def test_a_failure_whose_line_cannot_be_read_still_shows_its_kind(line: bytes) -> None:
    progress = running()
    progress.on_recorded([Answer(7, line, "corrupt")], 101.0)
    (failure,) = progress.snapshot(102.0).failures
    assert (failure.index, failure.kind) == (7, "corrupt")


def test_a_path_that_is_not_utf8_shows_its_bytes() -> None:
    line = (
        b'{"i":0,"path":"\\ufffd.jpg","path_b64":"/y5qcGc=","error":{"kind":"empty","message":""}}'
    )
    progress = running()
    progress.on_recorded([Answer(0, line, "empty")], 101.0)
    assert progress.snapshot(102.0).failures[0].path == "\\xff.jpg"


def test_answered_but_not_recorded_is_held() -> None:
    progress = running()
    ready(progress, 101.0)
    progress.on_event(Answered(0, 0, tuple(ok(i) for i in range(1, 9))), 102.0)
    shot = progress.snapshot(103.0)
    assert (shot.done, shot.held) == (0, 8)


def test_the_canary_is_no_image() -> None:
    progress = running()
    ready(progress, 101.0)
    progress.on_event(Answered(0, 0, (Answer(CANARY.index, b"{}"),)), 102.0)
    assert progress.snapshot(103.0).answered == 0


def test_most_frequent_labels() -> None:
    progress = running()
    many = [ok(i, label) for label, n in (("cat", 5), ("dog", 9), ("owl", 1)) for i in range(n)]
    progress.on_recorded(many, 101.0)
    assert progress.snapshot(102.0).labels == (("dog", 9), ("cat", 5), ("owl", 1))


def test_labels_of_any_number_take_bounded_memory_and_keep_the_frequent() -> None:
    progress = running()
    for batch in range(4):
        names = [ok(0, f"{batch}-{i}") for i in range(LABELS_KEPT // 2)]
        progress.on_recorded([*names, *[ok(0, "common")] * 50], 101.0)
    assert len(progress._labels) <= LABELS_KEPT
    assert progress.snapshot(102.0).labels[0] == ("common", 200)


def test_a_snapshot_before_anything_happened() -> None:
    shot = Progress(started=0.0).snapshot(0.0)
    assert (shot.state, shot.total, shot.eta_s, shot.share) == ("listing", None, None, None)
    assert Snapshot.from_json(shot.to_json()) == shot


def test_looking_while_workers_load_does_not_start_the_clock() -> None:
    progress = running()
    for tick in range(40):
        progress.snapshot(101.0 + tick)
    ready(progress, 141.0)
    answer(progress, 142.0, 0, 100)
    shot = progress.snapshot(142.0)
    assert shot.startup_s == 41.0
    assert shot.rate_mean == pytest.approx(100)
    assert shot.workers[0].rate == pytest.approx(100)


def test_memory_is_the_same_after_a_long_run() -> None:
    progress = at_steady_100(total=10**9, seconds=300)
    short = len(progress.snapshot(402.0).to_json())
    for second in range(300, 3000):
        answer(progress, 102.0 + second, 100 * second, 100)
    assert len(progress.snapshot(3102.0).to_json()) < short * 1.1


@pytest.mark.timing
def test_cost_per_image_is_within_the_hot_path_budget() -> None:
    progress = running(10**6)
    ready(progress, 101.0)
    chunks = [tuple(ok(i + k, f"label {k % 40}") for k in range(8)) for i in range(0, 8000, 8)]
    stats = WorkerStats({"CPU": 8}, {"CPU": 0.1}, {"CPU": 3}, {"decode": 0.1, "infer": 0.1}, 10**8)
    events = [Answered(0, n, chunk, stats) for n, chunk in enumerate(chunks)]
    best = float("inf")
    for _ in range(5):
        start = time.thread_time()
        for n, event in enumerate(events):
            progress.on_event(event, 102.0 + n / 100)
            progress.on_recorded(event.answers, 102.0 + n / 100)
        best = min(best, time.thread_time() - start)
    budget = 2e-6 * (5 if sys.gettrace() else 1)  # under a coverage tracer everything is slower
    assert best / 8000 < budget
