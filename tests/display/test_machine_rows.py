"""What is seen of a run on several machines: a row for each, whatever becomes of it."""

from batchcls.display.progress.cluster_progress import ClusterProgress
from batchcls.display.progress.progress import Progress
from batchcls.display.screens.glyphs import glyphs_for
from batchcls.display.screens.panels import workers
from batchcls.display.screens.plain import machine_lines, progress_line
from batchcls.display.snapshot import Snapshot, WorkerRow
from batchcls.display.summary.summary import summarise
from batchcls.display.summary.summary_lines import summary_lines
from batchcls.display.table import plain
from batchcls.messages import (
    Answer,
    Answered,
    MachineJoined,
    MachineLeftOut,
    MachineLost,
    WorkerDied,
    WorkerReady,
    WorkerStats,
)

DESCRIPTION = {"devices": [{"used": "CPU", "nireq": 4}]}


def on_two() -> Progress:
    """node1 with two workers, node2 with one; all are ready."""
    progress = ClusterProgress(started=100.0, model="m", devices=("CPU",), results="r.jsonl")
    progress.on_listed(100)
    progress.on_event(MachineJoined(1, "node1", (0, 1)), 100.5)
    progress.on_event(MachineJoined(2, "node2", (2,)), 100.6)
    for worker in range(3):
        progress.on_event(WorkerReady(worker, DESCRIPTION), 101.0)
    progress.on_state("running")
    return progress


def answer(progress: Progress, worker: int, first: int, count: int, now: float) -> None:
    answers = tuple(Answer(i, b'{"i":%d}' % i, None, "cat") for i in range(first, first + count))
    stats = WorkerStats({"CPU": count}, {"CPU": 0.02 * count}, {"CPU": 3}, {"infer": 0.2}, 10**8)
    progress.on_event(Answered(worker, 0, answers, stats), now)
    progress.on_recorded(answers, now)


def rows(progress: Progress, now: float) -> dict[str, WorkerRow]:
    return {row.machine: row for row in progress.snapshot(now).workers}


def test_a_row_stands_for_all_workers_of_a_machine() -> None:
    progress = on_two()
    for second in range(5):
        for worker in range(3):
            answer(progress, worker, 30 * second + 10 * worker, 10, 102.0 + second)
    found = rows(progress, 107.0)
    assert list(found) == ["node1", "node2"]
    assert [(row.images, row.workers, row.state) for row in found.values()] == [
        (100, 2, "running"),
        (50, 1, "running"),
    ]
    assert found["node1"].rate > 1.9 * found["node2"].rate > 0


def test_a_lost_machine_is_seen_to_be_and_goes_on_with_its_row_when_it_comes_back() -> None:
    progress = on_two()
    answer(progress, 2, 0, 10, 102.0)
    progress.on_event(MachineLost(2, "silent for 30 s"), 103.0)
    lost = rows(progress, 103.5)["node2"]
    assert (lost.state, lost.workers, lost.losses, lost.images) == ("lost", 0, 1, 10)
    assert "node2 was lost (silent for 30 s)" in progress.snapshot(103.5).warnings[0]
    progress.on_event(MachineJoined(3, "node2", (3,)), 104.0)
    progress.on_event(WorkerReady(3, DESCRIPTION), 104.5)
    answer(progress, 3, 10, 10, 105.0)
    back = rows(progress, 105.5)["node2"]
    assert (back.state, back.workers, back.losses, back.images) == ("running", 1, 1, 20)
    assert len(rows(progress, 105.5)) == 2


def test_of_two_agents_on_one_machine_one_is_lost_and_the_other_goes_on() -> None:
    progress = on_two()
    progress.on_event(MachineJoined(3, "node1", (3,)), 102.0)
    progress.on_event(WorkerReady(3, DESCRIPTION), 102.1)
    progress.on_event(MachineLost(1, "closed"), 103.0)
    row = rows(progress, 103.1)["node1"]
    assert (row.state, row.workers, row.losses) == ("running", 1, 1)
    progress.on_event(MachineLost(3, "closed"), 104.0)
    assert rows(progress, 104.1)["node1"].state == "lost"


def test_late_words_of_a_lost_machine_change_no_row_of_another() -> None:
    progress = on_two()
    progress.on_event(MachineLost(2, "closed"), 103.0)
    progress.on_event(MachineLost(2, "closed"), 103.1)
    assert rows(progress, 103.5)["node2"].losses == 1
    assert rows(progress, 103.5)["node1"].state == "running"


def test_machines_that_were_left_out_or_retired_are_named_with_the_reason() -> None:
    progress = on_two()
    progress.on_event(MachineLeftOut("node9", "it has batchcls 0.1.0, and here is 0.2.0"), 102.0)
    progress.on_retired(1, "its last 200 images all failed (vanished)")
    found = rows(progress, 103.0)
    assert (found["node9"].state, found["node1"].state) == ("left out", "retired")
    told = progress.snapshot(103.0).warnings
    assert told == (
        "node9 was left out: it has batchcls 0.1.0, and here is 0.2.0",
        "node1 labels no more images: its last 200 images all failed (vanished)",
    )


def test_a_worker_that_was_replaced_is_a_restart_of_its_machine() -> None:
    progress = on_two()
    progress.on_event(WorkerDied(1, "SIGSEGV"), 102.0)
    assert rows(progress, 102.1)["node1"].workers == 1
    progress.on_event(WorkerReady(1, DESCRIPTION), 103.0)
    row = rows(progress, 103.1)["node1"]
    assert (row.workers, row.restarts) == (2, 1)
    assert progress.snapshot(103.1).restarts == 1


def test_without_a_cluster_there_are_workers_and_no_machines() -> None:
    progress = Progress(started=100.0, workers=1)
    progress.on_event(WorkerReady(0, DESCRIPTION), 101.0)
    (row,) = progress.snapshot(102.0).workers
    assert (row.machine, row.worker, row.workers) == ("", 0, 1)
    assert machine_lines(progress.snapshot(102.0)) == []


def finished() -> Snapshot:
    progress = on_two()
    for worker in range(3):
        answer(progress, worker, 30 * worker, 30, 102.0 + worker)
    progress.on_event(MachineLost(2, "silent for 30 s"), 106.0)
    answer(progress, 0, 90, 10, 107.0)
    for worker in (0, 1):
        progress.on_event(WorkerDied(worker, "exit status 0"), 107.5)
    progress.on_state("done")
    return progress.snapshot(108.0)


def test_the_dashboard_has_a_line_for_each_machine() -> None:
    heading, *lines = (
        plain(line) for line in workers(on_two().snapshot(102.0), 110, glyphs_for("ascii"), 10)
    )
    assert heading.split()[:4] == ["machine", "device", "state", "images"]
    assert "worker " not in heading
    assert [line.split()[0] for line in lines] == ["node1", "node2"]


def test_a_pipe_and_status_say_how_many_machines_there_are() -> None:
    assert "1 of 2 machines" in progress_line(finished())
    told = machine_lines(finished())
    assert told == ["node1: 2 workers, 70 images on CPU",
                    "node2: lost, 0 workers, 30 images on CPU, lost 1 time"]  # fmt: skip


def test_the_summary_tells_of_each_machine() -> None:
    summary = summarise(finished())
    assert [(one.machine, one.images, one.losses, one.state) for one in summary.machines] == [
        ("node1", 70, 0, "running"),
        ("node2", 30, 1, "lost"),
    ]
    assert summary.devices[0].workers == 2
    text = [plain(line) for line in summary_lines(summary, 100)]
    assert any(line.startswith("machine") for line in text)
    assert text[-1].split() == ["node2", text[-1].split()[1], "30", "0", "1", "lost"]
