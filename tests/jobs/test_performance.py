"""The performance suite says what its figures mean, and keeps rows that were measured before."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from batchcls.backends.allocation import decide
from batchcls.backends.machine import Machine
from batchcls.job.job import Job
from jobs.performance import table
from jobs.performance.grid import full_grid
from jobs.performance.timed_run import completions, steady_s
from tests.support.tree import ROOT

pytestmark = pytest.mark.runs

SUITE = ROOT / "jobs" / "performance"


def test_a_line_is_judged_by_its_median() -> None:
    line = table.judged("a", "≥ 2x", [1.0, 2.5, 2.0], table.at_least(2), "{}x")
    assert (line.figure, line.met) == ("2.00 (1.00-2.50)x", True)
    assert table.judged("a", "< 2", [1.0, 2.0, 3.0], table.below(2)).met is False
    assert table.judged("a", "≤ 2", [1.0, 2.0, 3.0], table.at_most(2)).met is True


def test_nothing_measured_is_no_verdict() -> None:
    line = table.judged("a", "≥ 2x", [], table.at_least(2), "{}x")
    assert line.met is None
    assert "nothing measured" in line.figure


def test_ratios_are_those_within_a_round() -> None:
    ours: list[table.Round] = [{"fps": 10.0}, {"fps": 30.0}, {"fps": None}]
    theirs: list[table.Round] = [{"fps": 5.0}, {"fps": 10.0}, {"fps": 1.0}]
    assert table.ratios(ours, theirs, "fps") == [2.0, 3.0]
    assert table.ratios(ours, [{"bound": 20.0}], "fps", "bound") == [0.5]


def test_the_peer_to_beat_is_the_fastest_of_each_round() -> None:
    found = {"a": [{"fps": 1.0}, {"fps": 9.0}], "b": [{"fps": 2.0}, {"fps": 3.0}], "gone": []}
    name, rounds = table.best_peer(found, ["a", "b", "gone"], "fps")
    assert (name, rounds) == ("a", [{"fps": 2.0}, {"fps": 9.0}])
    assert table.best_peer(found, ["gone"], "fps")[1] == []


def test_a_bar_in_a_cell_breaks_no_table() -> None:
    text = table.markdown([table.Line("a|b", "", "1", False)])
    assert [line.count("|") for line in text.splitlines()] == [5, 5, 5]
    assert "**missed**" in text


@pytest.mark.parametrize("cores", [1, 2, 3, 4, 16, 128])
def test_the_grid_starts_with_the_default_and_never_takes_more_than_the_cores(cores: int) -> None:
    machine = Machine(cores)
    default = decide(Job(), machine)
    layouts = full_grid(default, machine)
    assert layouts[0] == default
    assert len(set(layouts)) == len(layouts) <= 120
    assert all(one.workers * one.nthreads <= cores for one in layouts)
    assert sum(one.pin and one.workers > 1 for one in layouts) <= 1


def row(what: str, load: float) -> dict[str, object]:
    line = {"what": what, "to_reach": "≥ 1", "figure": "2", "met": True}
    named = {key: f"the {key}" for key in ("machine", "versions", "date", "revision")}
    return {**named, "rounds": 5, "seconds": 60, "load": [load, load], "lines": [line]}


def test_the_table_of_kept_rows_is_shown_without_measuring(tmp_path: Path) -> None:
    kept = tmp_path / "kept.json"
    kept.write_text(json.dumps({"start": row("first", 0.5), "mobilenet": row("steady", 1.5)}))
    done = subprocess.run(
        [sys.executable, "-m", "jobs.performance.suite", "--show", "--results", kept],
        capture_output=True, text=True, check=True, timeout=55,
    )  # fmt: skip
    lines = done.stdout.splitlines()
    assert [line.split(" | ")[0] for line in lines[2:4]] == ["| steady", "| first"]
    assert "the machine" in done.stdout
    assert "0.5-1.5" in done.stdout


def test_an_unknown_row_is_named(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "jobs.performance.suite", "--rows", "nonsense"],
        capture_output=True, text=True, check=False, timeout=55,
    )  # fmt: skip
    assert done.returncode == 2
    assert "nonsense" in done.stderr


@pytest.mark.runs
def test_peers_can_be_made_to_compute_in_f32() -> None:
    ask = "import openvino as o; print(o.Core().get_property('CPU', 'INFERENCE_PRECISION_HINT'))"
    done = subprocess.run(
        [sys.executable, "-c", ask], capture_output=True, text=True, check=True, timeout=55,
        env={**os.environ, "PYTHONPATH": str(SUITE / "f32")},
    )  # fmt: skip
    assert "float32" in done.stdout


def test_images_reported_together_were_answered_one_after_the_other() -> None:
    reports = [(1.0, 0, 2), (1.1, 1, 1), (2.0, 0, 3), (2.01, 0, 1)]
    assert completions(reports) == pytest.approx([1.0, 1.0, 1.1, 1.2525, 1.505, 1.7575, 2.01])


def test_a_worker_that_reports_all_the_time_has_no_endless_turn() -> None:
    reports = [(0.01 * n, 0, 5) for n in range(400)]
    times = completions(reports)
    assert len(times) == 2000
    assert times[1000] == pytest.approx(2.0, abs=0.05)


def test_a_steady_rate_is_that_of_the_middle_as_the_peers_driver_takes_it() -> None:
    slow_ends = [0.0] * 5 + [10 + 0.1 * n for n in range(90)] + [50.0] * 5
    assert steady_s(slow_ends) == pytest.approx(99 * 0.1)
    assert steady_s([1.0]) is None
