"""The end of a run: figures, bottleneck, what to do next, layers."""

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

from batchcls.display.snapshot import Snapshot, WorkerRow
from batchcls.display.summary.perf_counts import layer_lines, total_layers, write_csv
from batchcls.display.summary.summary import find_bottleneck, summarise
from batchcls.display.summary.summary_lines import show_summary
from batchcls.display.table import columns_of, plain
from tests.support.fake_run import FakeRun
from tests.support.hostile_text import CONTROLS, OWN


def a_finished_run(**settings: object) -> Snapshot:
    run = FakeRun(total=8000, crash_at=5.0, **settings)  # type: ignore[arg-type] # FakeRun's own
    run.start()
    run.until(1e9)
    run.progress.on_state("done")
    return run.progress.snapshot(run._clock)


def shown(shot: Snapshot, **extra: object) -> str:
    stream = io.StringIO()
    show_summary(summarise(shot, extra), stream)
    return stream.getvalue()


def test_the_figures() -> None:
    shot = a_finished_run(devices=("CPU", "VCPU"), resumed=500)
    summary = summarise(shot)
    assert (summary.done, summary.total, summary.resumed) == (8000, 8000, 500)
    assert summary.answered == 7500
    assert summary.fps == shot.rate_mean
    assert sum(device.fps for device in summary.devices) == pytest.approx(summary.fps, rel=0.01)
    assert summary.failed == sum(summary.failed_by_kind.values()) > 3
    assert all(15 < (device.latency_ms or 0) < 25 for device in summary.devices)
    assert summary.restarts == 1  # one worker with two devices is one process
    assert json.loads(json.dumps(summary.as_dict()))["done"] == 8000


def test_the_facts_of_a_run_are_in_it() -> None:
    printed = shown(
        a_finished_run(),
        description={"devices": [{"used": "HETERO:GPU,CPU", "operations": {"GPU": 152, "CPU": 3}}]},
    )
    for fact in (
        "done  results.jsonl",
        "8,000 of 8,000",
        "truncated",
        "wall time",
        "1.2 s of start-up",
        " FPS\n",
        "1 worker was restarted",
        "inference: images were ready before the devices were",
        "`--retry-failed`",
        "`batchcls evaluate results.jsonl --truth FILE`",
        "GPU 152, CPU 3",
        "HETERO:GPU,CPU",
    ):
        assert fact in printed, fact
    assert printed.isascii()


def test_a_run_that_ended_early_says_why_and_how_to_resume() -> None:
    shot = replace(a_finished_run(), state="stopped", done=1000)
    printed = shown(shot, reason="the disk is full")
    for fact in ("stopped early  results.jsonl.part", "the disk is full", "7,000 images are left"):
        assert fact in printed
    assert "evaluate" not in printed


def test_a_run_of_nothing_new() -> None:
    printed = shown(Snapshot(state="done", total=10, done=10, ok=10, resumed=10, results="r.jsonl"))
    assert "10 of 10 (10 from earlier sessions)" in printed
    assert "FPS" not in printed


def spent(busy: float | None = None, **seconds: float) -> Snapshot:
    rows = (WorkerRow(0, "CPU", "gone", images=100, nireq=4, busy=busy),)
    return Snapshot(spent=seconds, answered=100, elapsed_s=60.0, startup_s=1.0, workers=rows)


@pytest.mark.parametrize(
    ("shot", "bottleneck"),
    [
        # With decode threads: which wait is longer.
        (spent(0.9, decode=50, wait=1, infer=40), "inference"),
        (spent(0.3, decode=50, wait=40, infer=2), "decoding"),
        (spent(0.3, read=60, decode=20, wait=40, infer=2), "reading"),
        (spent(0.3, decode=10, preprocess=30, read=20, wait=40), "decoding"),
        # Without them nothing waits for an image: how full the rings are.
        (spent(0.2, decode=40, infer=1), "decoding"),
        (spent(0.9, decode=40, infer=10), "inference"),
        (spent(0.1, read=40, decode=10), "reading"),
        (spent(None, decode=10, infer=40), "inference"),
        (spent(None, decode=40, infer=10), "decoding"),
        # Nothing can be said.
        (spent(), ""),
        (replace(spent(0.9, infer=1), answered=0), ""),
        (replace(spent(0.9, infer=1), elapsed_s=3.0), ""),
        (replace(spent(0.9, infer=1), elapsed_s=3.0, startup_s=2.5), "start-up"),
    ],
)
def test_bottleneck(shot: Snapshot, bottleneck: str) -> None:
    assert find_bottleneck(shot) == bottleneck


HOSTILE = "a\x1b[2J[/]\u202e\n\udcff"


def test_text_from_outside_is_shown_and_not_obeyed() -> None:
    shot = replace(
        a_finished_run(), results=HOSTILE, failed_by_kind={HOSTILE: 2}, warnings=(HOSTILE,),
        workers=(WorkerRow(0, HOSTILE, "gone", images=5),),
    )  # fmt: skip
    stream = io.StringIO()
    layers = total_layers([dict.fromkeys(("name", "type", "exec_type", "device"), HOSTILE)])
    show_summary(summarise(shot, {"reason": HOSTILE}), stream, layers)
    printed = stream.getvalue()
    assert not CONTROLS.search(printed)
    assert "\x1b" not in OWN.sub("", printed)
    assert printed.count("a\\x1b[2J[/]\\u202e\\n\\xff") >= 6


def test_a_stream_that_is_gone_is_no_error() -> None:
    stream = io.StringIO()
    stream.close()
    show_summary(summarise(a_finished_run()), stream)


ROWS = [
    {"device": "CPU", "name": "conv1", "type": "Convolution", "exec_type": "brgconv_f32",
     "status": "executed", "real_ms": 2.0, "cpu_ms": 1.5, "count": 10},
    {"device": "CPU", "name": "relu", "type": "Relu", "exec_type": "undef",
     "status": "optimized_out", "real_ms": 0.0, "cpu_ms": 0.0, "count": 10},
    {"device": "CPU", "name": "fc", "type": "MatMul", "exec_type": "gemm_f32",
     "status": "executed", "real_ms": 5.0, "cpu_ms": 5.0, "count": 10},
]  # fmt: skip


def test_layers_of_two_workers_are_added_up_slowest_first() -> None:
    layers = total_layers([*ROWS, *ROWS, {"name": "odd", "real_ms": "fast"}])
    assert [layer.name for layer in layers] == ["fc", "conv1", "relu", "odd"]
    assert (layers[1].real_ms, layers[1].cpu_ms, layers[1].count) == (4.0, 3.0, 20)


def test_sums_have_no_digits_that_are_of_adding_alone(tmp_path: Path) -> None:
    third = {"name": "a", "real_ms": 0.42, "cpu_ms": 0.1, "count": 1}
    write_csv(tmp_path / "layers.csv", total_layers([third] * 3))
    assert (tmp_path / "layers.csv").read_text().splitlines()[1] == ",a,,,,1.26,0.3,3"


def test_layers_on_other_devices_stay_apart() -> None:
    other = [row | {"device": "VCPU"} for row in ROWS]
    assert len(total_layers([*ROWS, *other])) == 6


@pytest.mark.parametrize("width", [30, 60, 100])
def test_the_table_of_layers(width: int) -> None:
    lines = layer_lines(total_layers(ROWS), width, most=2)
    text = "\n".join(plain(line) for line in lines)
    assert all(columns_of(line) <= width for line in lines)
    assert "fc" in text
    assert "5.000" in text
    assert "total 7.0 ms real" in text
    assert "relu" not in text
    assert width < 60 or "1 more layer not shown" in text


def test_no_layers_no_table() -> None:
    assert layer_lines([], 80) == []


def test_layers_as_csv(tmp_path: Path) -> None:
    layers = total_layers([*ROWS, {"name": "x,\n\udcff", "device": "CPU"}])
    write_csv(tmp_path / "perf_counts.csv", layers)
    with (tmp_path / "perf_counts.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert rows[0]["name"] == "fc"
    assert float(rows[0]["real_ms"]) == 5.0
    assert rows[-1]["name"] == "x,\n\\udcff"
