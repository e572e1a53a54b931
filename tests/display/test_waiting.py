"""What is shown of a run that waits for new images."""

import io
from dataclasses import replace

from batchcls.display.progress.progress import Progress
from batchcls.display.screens import panels
from batchcls.display.screens.glyphs import glyphs_for
from batchcls.display.screens.plain import PlainDisplay, progress_line
from batchcls.display.screens.stream import QuietStream
from batchcls.display.snapshot import Snapshot
from batchcls.display.table import plain
from batchcls.messages import Answer, Answered, WorkerReady

WAITING = Snapshot(state="waiting", total=1_210, done=1_210, ok=1_204, failed=6, elapsed_s=60.0)


def test_it_is_said_what_it_waits_for_and_how_to_end_it() -> None:
    assert progress_line(WAITING) == (
        "waiting for new images; 1,204 labelled, 6 failed; Ctrl-C ends"
    )
    shown = "\n".join(plain(one) for one in panels.overall(WAITING, 80, glyphs_for("utf-8")))
    assert "waiting for new images; 1,204 labelled, 6 failed" in shown
    long = replace(WAITING, waiting_s=3 * 3600.0)
    assert progress_line(long).startswith("waiting for new images (3 h 00 min); 1,204 labelled")
    assert "the same command goes on" in plain(panels.hint(WAITING, 80)[0])


def test_a_night_of_small_batches_is_no_flood_of_lines() -> None:
    stream = io.StringIO()
    display = PlainDisplay(QuietStream(stream))
    seconds = 3600
    for second in range(seconds):
        state = "waiting" if second % 2 else "running"
        display.draw(replace(WAITING, state=state, elapsed_s=float(second)))
    assert seconds / 60 <= stream.getvalue().count("\n") <= seconds / 60 + 60


def test_waiting_counts_for_no_rate() -> None:
    progress = Progress(started=0.0, workers=1)
    progress.on_event(WorkerReady(0, {}), 0.0)
    progress.on_listed(10)
    answers = tuple(Answer(index, b"{}", None, "cat") for index in range(10))
    progress.on_event(Answered(0, 0, answers), 5.0)
    progress.on_recorded(answers, 5.0)
    assert progress.snapshot(5.0).rate_mean == 2.0
    progress.on_waiting(5.0)
    progress.on_waiting(900.0)
    waiting = progress.snapshot(1005.0)
    assert (waiting.rate_mean, waiting.eta_s, waiting.state) == (2.0, None, "waiting")
    assert waiting.waiting_s == 1000.0
    assert [row.state for row in waiting.workers] == ["idle"]
    progress.on_grown(12, 1005.0)
    working = progress.snapshot(1010.0)
    assert (working.rate_mean, working.total, working.state) == (1.0, 12, "running")
    assert working.waiting_s is None
