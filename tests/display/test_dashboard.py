"""What the dashboard shows, and that it fits any terminal."""

import io
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from batchcls.display.screens.dashboard import RichDisplay, dashboard, last_frame
from batchcls.display.screens.glyphs import ASCII, UNICODE, glyphs_for
from batchcls.display.screens.stream import QuietStream
from batchcls.display.screens.styles import painted
from batchcls.display.snapshot import FailedImage, Snapshot, WorkerRow
from batchcls.display.table import columns_of, plain
from tests.support.fake_run import FakeRun


def a_run(until: float = 40.0, **options: object) -> Snapshot:
    run = FakeRun(crash_at=10.0, **options)  # type: ignore[arg-type] # options of FakeRun
    run.start()
    run.until(until)
    return run.progress.snapshot(until)


def drawn(shot: Snapshot, columns: int = 120, lines: int = 50) -> str:
    return "\n".join(plain(line) for line in dashboard(shot, columns, lines, UNICODE))


def test_the_facts_of_a_run_are_on_it() -> None:
    shot = a_run()
    shown = drawn(shot)
    for fact in (
        "tf2_mobilenet_v2_1.0_224_ptq on HETERO:GPU,CPU", "./images → results.jsonl",
        f"{shot.done:,} of 50,000", "ETA 1 min", f"{shot.rate_now:.0f} images/s",
        f"{shot.rate_mean:.0f} mean", f"{shot.failed} failed", "running · 40 s", "4/4", "212 MB",
        "decode 36%", "infer 51%", "Egyptian cat", "most frequent", "last failures",
        shot.failures[0].path, "Ctrl-C stops; the same command resumes",
    ):  # fmt: skip
        assert fact in shown, fact
    worker = next(line for line in shown.splitlines() if line.startswith("     1  HETERO"))
    assert " 1 " in worker[60:]  # its restart


def test_a_row_for_each_worker_and_device_and_one_for_the_rest() -> None:
    shot = a_run(workers=16, devices=("CPU", "VCPU"), total=10**6)
    tall = drawn(shot, 120, 80)
    assert sum("MB" in line for line in tall.splitlines()) == 32
    short = drawn(shot, 120, 24)
    assert "more: " in short
    assert "worker  device" in short


def test_states() -> None:
    assert "listing the images" in drawn(Snapshot())
    assert "loading the model" in drawn(Snapshot(state="loading"))
    assert "starting" in drawn(Snapshot(state="loading", total=5, workers=(WorkerRow(),)))
    assert "again stops at once" in drawn(replace(a_run(), state="draining"))
    silent = WorkerRow(0, "CPU", "silent", silent_s=42.0)
    assert "silent 42 s" in drawn(replace(a_run(), workers=(silent,)))
    assert "from earlier sessions" in drawn(a_run(resumed=1000))
    assert "9,000 waiting for an earlier image" in drawn(replace(a_run(), held=9000), 132)
    assert "Ctrl-C" not in drawn(replace(a_run(), state="done"))


def test_how_a_device_agrees_with_the_cpu_is_seen() -> None:
    shot = replace(a_run(), agreement={"GPU": (1057, 1058), "NPU": (0, 0)})
    assert "GPU agrees on 1,057 of 1,058" in drawn(shot, 132)
    assert "NPU" not in drawn(shot, 132)


def test_watching_says_what_control_c_does_there() -> None:
    lines = dashboard(a_run(), 100, 40, UNICODE, watching=True)
    assert plain(lines[-1]) == "Ctrl-C leaves; the run continues"


def test_a_warning_is_seen() -> None:
    assert "warning  GPU is missing" in drawn(replace(a_run(), warnings=("GPU is missing",)))


@pytest.mark.parametrize("columns", [40, 60, 80, 100, 200])
def test_the_bar_the_rate_and_the_workers_are_there_at_any_width(columns: int) -> None:
    shown = drawn(a_run(), columns, 24)
    assert "ETA" in shown
    assert "images/s" in shown
    assert "HETERO:GPU,CPU" in shown
    assert "failed" in shown


words = st.text(st.characters(codec=None), max_size=80)
counts = st.integers(0, 10**9)


@pytest.mark.runs
@settings(deadline=None, max_examples=60)
@given(
    st.builds(
        Snapshot,
        model=words, devices=st.tuples(words), sources=st.tuples(words), results=words,
        state=st.sampled_from(["listing", "running", "draining", "done"]),
        total=st.none() | counts, done=counts, failed=counts, resumed=counts, held=counts,
        failed_by_kind=st.dictionaries(words, counts, max_size=4),
        rate_now=st.floats(0, 1e9), rate_mean=st.floats(0, 1e9),
        eta_s=st.none() | st.floats(0, 1e9), elapsed_s=st.floats(0, 1e9),
        history=st.lists(st.floats(0, 1e6)).map(tuple),
        workers=st.lists(st.builds(WorkerRow, worker=counts, device=words, state=words,
                                   images=counts, rss=counts), max_size=40).map(tuple),
        spent=st.dictionaries(st.sampled_from(["read", "infer", "odd"]), st.floats(0, 1e9)),
        labels=st.lists(st.tuples(words, counts), max_size=8).map(tuple),
        failures=st.lists(st.builds(FailedImage, counts, words, words, words), max_size=5)
        .map(tuple),
        warnings=st.lists(words, max_size=3).map(tuple),
    ),
    st.integers(1, 250),
    st.integers(1, 70),
)  # fmt: skip
def test_no_frame_is_larger_than_its_terminal(shot: Snapshot, columns: int, lines: int) -> None:
    for frame in (dashboard(shot, columns, lines, UNICODE), last_frame(shot, columns, UNICODE)[:2]):
        assert len(frame) <= max(lines, 2)
        for line in frame:
            assert columns_of(line) <= columns
            assert plain(line).isprintable()


def test_rich_shows_just_these_lines() -> None:
    shot = replace(a_run(), model="[bold]m[/]", labels=(("[link=x]y[/link]", 3),))
    lines = dashboard(shot, 100, 40, UNICODE)
    stream = io.StringIO()
    Console(file=stream, width=100, markup=False, highlight=False).print(painted(lines))
    assert [s.rstrip() for s in stream.getvalue().splitlines()] == [plain(line) for line in lines]


def test_a_stream_without_unicode_gets_plain_characters() -> None:
    assert glyphs_for("utf-8") is UNICODE
    assert glyphs_for("ascii") is ASCII
    shown = "\n".join(plain(line) for line in dashboard(a_run(), 132, 40, ASCII))
    assert shown.replace("…", "").isascii()


def test_a_steady_rate_is_no_solid_block_and_nothing_is_the_lowest() -> None:
    assert UNICODE.spark([100.0] * 5, 7) == "  ▇▇▇▇▇"
    assert UNICODE.spark([0.0, 0.0], 2) == "▁▁"
    assert UNICODE.spark([0.0, 50.0, 100.0], 2) == "▄▇"


def test_the_bar_fills_in_halves_and_is_always_as_long() -> None:
    for percent in range(101):
        done, left = UNICODE.bar(percent / 100, 17)
        assert len(done) + len(left) == 17
    assert UNICODE.bar(1.0, 5) == ("━━━━━", "")
    assert UNICODE.bar(0.0, 5) == ("", "─────")


@settings(deadline=None)
@given(st.lists(st.floats(0.001, 1), min_size=1, max_size=6), st.integers(1, 100))
def test_the_parts_of_the_time_fill_the_line(parts: list[float], columns: int) -> None:
    shares = [part / sum(parts) for part in parts]
    assert len("".join(UNICODE.segments(shares, columns))) == columns


class Terminal(QuietStream):
    """A terminal that the test resizes, and gives to another job."""

    def __init__(self) -> None:
        self.shown = io.StringIO()
        super().__init__(self.shown)
        self.is_size = (100, 30)
        self.is_in_background = False

    @property
    def size(self) -> tuple[int, int]:
        return self.is_size

    @property
    def in_background(self) -> bool:
        return self.is_in_background

    def new_text(self) -> str:
        """What was sent since the last call."""
        text = self.shown.getvalue()
        self.shown.seek(0)
        self.shown.truncate()
        return text


CLEAR = "\x1b[2J\x1b[H"


def test_a_resize_starts_again_on_a_clear_screen() -> None:
    terminal = Terminal()
    screen = RichDisplay(terminal)
    screen.draw(a_run())
    screen.draw(a_run())
    assert CLEAR not in terminal.new_text()
    terminal.is_size = (50, 12)
    screen.draw(a_run())
    frame = terminal.new_text()
    assert CLEAR in frame
    assert frame.count("\n") < 12
    screen.draw(a_run())
    assert CLEAR not in terminal.new_text()


def test_nothing_is_drawn_while_another_job_has_the_terminal() -> None:
    terminal = Terminal()
    screen = RichDisplay(terminal)
    screen.draw(a_run())
    terminal.new_text()
    terminal.is_in_background = True
    screen.draw(a_run())
    assert terminal.new_text() == ""
    terminal.is_in_background = False
    screen.draw(a_run())
    assert CLEAR in terminal.new_text()
    terminal.is_in_background = True
    screen.finish(a_run())
    assert terminal.new_text() == "\x1b[?25h"


def test_a_run_that_never_began_leaves_nothing_behind() -> None:
    terminal = Terminal()
    screen = RichDisplay(terminal)
    screen.draw(Snapshot(state="loading"))
    terminal.new_text()
    screen.finish(Snapshot(state="stopped"))
    left = terminal.new_text()
    assert "stopped" not in left
    assert "\x1b[1A\x1b[2K" in left
