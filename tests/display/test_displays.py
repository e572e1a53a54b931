"""The contract that every kind of display keeps, whatever its stream does."""

import io
import json
import os
import pty
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from batchcls.display import open_display
from batchcls.display.snapshot import FailedImage, Snapshot, WorkerRow
from batchcls.job.choices import CHOICES
from tests.support.fake_run import FakeRun
from tests.support.hostile_text import CONTROLS, HOSTILE, OWN

pytestmark = pytest.mark.runs


def a_run(until: float = 20.0) -> Snapshot:
    run = FakeRun(crash_at=10.0, resumed=100)
    run.start()
    run.until(until)
    return run.progress.snapshot(until)


def finished(shot: Snapshot) -> Snapshot:
    return replace(shot, state="done", done=shot.total or 0, eta_s=None)


@pytest.fixture(params=CHOICES["progress"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Flaky(io.StringIO):
    """A stream whose reader goes away after some writes."""

    def __init__(self, writes: int) -> None:
        super().__init__()
        self.left = writes

    def write(self, text: str) -> int:
        self.left -= 1
        if self.left < 0:
            raise BrokenPipeError
        return super().write(text)


def test_a_run_from_first_to_last(kind: str) -> None:
    stream = io.StringIO()
    display = open_display(kind, stream)
    for shot in (Snapshot(), a_run(), a_run()):
        display.show(shot)
    display.close(finished(a_run()))
    shown = stream.getvalue()
    assert ("50,000" in shown or "50000" in shown) == (kind != "none")


def test_close_without_show_and_close_twice(kind: str) -> None:
    stream = io.StringIO()
    display = open_display(kind, stream)
    display.close(finished(a_run()))
    shown = stream.getvalue()
    display.close(Snapshot())
    display.show(Snapshot())
    time.sleep(0.02)
    assert stream.getvalue() == shown


def test_an_empty_job(kind: str) -> None:
    display = open_display(kind, io.StringIO())
    display.show(Snapshot(total=0, state="running"))
    display.close(Snapshot(total=0, state="done"))
    assert not drawing_threads()


@pytest.mark.runs
@pytest.mark.parametrize("writes", [0, 1, 3])
def test_a_stream_that_breaks_silences_the_display(kind: str, writes: int) -> None:
    stream = Flaky(writes)
    display = open_display(kind, stream)
    display.show(a_run())
    display.show(a_run(25.0))
    display.close(finished(a_run()))
    assert not drawing_threads()


def test_a_closed_stream_silences_the_display(kind: str) -> None:
    stream = io.StringIO()
    stream.close()
    display = open_display(kind, stream)
    display.show(a_run())
    display.close(finished(a_run()))
    assert not drawing_threads()


def test_a_pipe_whose_reader_is_gone(kind: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as stream:
        display = open_display(kind, stream)
        display.show(a_run())
        display.close(finished(a_run()))
    assert not drawing_threads()


def test_no_stream_at_all(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    display = open_display(kind)
    display.show(a_run())
    display.close(finished(a_run()))


@pytest.mark.runs
def test_show_does_not_wait_for_a_reader_that_has_stopped(kind: str) -> None:
    """A full pipe that nobody reads, as with Ctrl-S or a stalled connection."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    try:
        while True:
            os.write(writer, b"x" * 4096)
    except BlockingIOError:
        os.set_blocking(writer, True)
    stream = os.fdopen(writer, "w")
    display = open_display(kind, stream)
    started = time.monotonic()
    for second in range(50):
        display.show(a_run(3.0) if not second else replace(a_run(3.0), elapsed_s=second * 100.0))
    assert time.monotonic() - started < 5.0
    drain = threading.Thread(target=drained, args=(reader,), daemon=True)
    drain.start()
    display.close(finished(a_run(3.0)))
    stream.close()
    drain.join(5.0)
    assert not drain.is_alive()
    assert not drawing_threads()


def drained(descriptor: int) -> None:
    while os.read(descriptor, 1 << 16):
        pass
    os.close(descriptor)


def drawing_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "display"]


MARKUP = [
    "[/]",
    "[bold red]x",
    "[link=https://evil.example]x[/link]",
    ":smile:",
    "[red",
    "\\[x]",
    "{x}",
]


@pytest.mark.runs
@pytest.mark.parametrize("text", [*(hostile for hostile, _ in HOSTILE), *MARKUP])
def test_text_from_outside_is_shown_and_not_obeyed(kind: str, text: str) -> None:
    shot = replace(
        a_run(), model=text, devices=(text,), sources=(text,), results=text, host=text,
        failed_by_kind={text: 3}, labels=((text, 9),), warnings=(text,),
        failures=(FailedImage(1, text, text, text),),
        workers=(WorkerRow(0, text, text, history=(1.0,)),),
    )  # fmt: skip
    stream = io.StringIO()
    display = open_display(kind, stream)
    display.show(shot)
    display.close(replace(shot, state=text))
    shown = stream.getvalue()
    assert not CONTROLS.search(shown.replace("\r", ""))
    assert "\x1b" not in OWN.sub("", shown)
    if text in MARKUP and kind not in ("none", "json", "bar"):
        assert text in OWN.sub("", shown)


def test_json_lines_are_snapshots() -> None:
    stream = io.StringIO()
    display = open_display("json", stream)
    last = finished(a_run())
    display.show(a_run())
    display.close(last)
    lines = stream.getvalue().splitlines()
    assert Snapshot.from_json(lines[-1]) == last
    assert all(json.loads(line)["schema"] == 1 for line in lines)


def test_json_goes_to_standard_output_and_the_others_to_standard_error(
    kind: str, capfd: pytest.CaptureFixture[str]
) -> None:
    display = open_display(kind)
    display.show(a_run())
    display.close(finished(a_run()))
    out, err = capfd.readouterr()
    assert bool(out) == (kind == "json")
    assert bool(err) == (kind not in ("json", "none"))


def test_auto_is_plain_without_a_terminal() -> None:
    stream = io.StringIO()
    open_display("auto", stream).close(finished(a_run()))
    assert stream.getvalue().startswith("batchcls: ")
    assert stream.getvalue().isascii()


@pytest.mark.parametrize(("term", "rich"), [("xterm-256color", True), ("dumb", False)])
def test_auto_on_a_terminal(term: str, rich: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", term)
    shown = on_a_terminal("auto")
    assert ("\x1b[?25l" in shown) == rich


def test_rich_leaves_the_cursor_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    shown = on_a_terminal("rich")
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")


def on_a_terminal(kind: str) -> str:
    """All that a display sends to a pseudo-terminal."""
    ours, theirs = pty.openpty()
    chunks: list[bytes] = []

    def read() -> Iterator[bytes]:
        while True:
            try:
                yield os.read(ours, 1 << 16)
            except OSError:  # the other side is closed
                return

    reader = threading.Thread(target=lambda: chunks.extend(read()), daemon=True)
    reader.start()
    with os.fdopen(theirs, "w") as stream:
        display = open_display(kind, stream)
        display.show(a_run())
        display.close(finished(a_run()))
    reader.join(5.0)
    os.close(ours)
    return b"".join(chunks).decode()


def test_a_display_that_fails_goes_silent_and_says_so_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    display = open_display("plain", io.StringIO())
    display.close(replace(a_run(), warnings=(3,)))  # type: ignore[arg-type] # a bug, on purpose
    assert "silent from here on" in caplog.text
    assert not drawing_threads()


def test_plain_lines_are_few_and_become_fewer() -> None:
    from batchcls.display.screens.plain import PlainDisplay
    from batchcls.display.screens.stream import QuietStream

    stream = io.StringIO()
    screen = PlainDisplay(QuietStream(stream))
    for second in range(8 * 3600):
        screen.draw(Snapshot(state="running", total=10**9, done=second, elapsed_s=float(second)))
    lines = stream.getvalue().count("\n")
    assert 480 < lines < 600


def test_plain_says_a_warning_once_and_each_tenth() -> None:
    from batchcls.display.screens.plain import PlainDisplay
    from batchcls.display.screens.stream import QuietStream

    stream = io.StringIO()
    screen = PlainDisplay(QuietStream(stream))
    for done in range(101):
        screen.draw(Snapshot(state="running", total=100, done=done, warnings=("GPU is missing",)))
    shown = stream.getvalue()
    assert shown.count("warning: GPU is missing") == 1
    assert [f"{tenth}0.0%" in shown for tenth in range(1, 11)] == [True] * 10


@pytest.mark.parametrize(("kind", "without"), [("plain", "rich tqdm"), ("json", "rich tqdm"),
                                              ("bar", "rich"), ("rich", "tqdm")])  # fmt: skip
def test_rich_and_tqdm_are_imported_only_by_those_who_draw_with_them(
    kind: str, without: str
) -> None:
    code = (
        "import io, sys, batchcls.display as d, batchcls.display.progress.progress\n"
        "import batchcls.cli.run_progress, batchcls.display.summary.summary_lines\n"
        f"x = d.open_display({kind!r}, io.StringIO()); x.close(d.Snapshot(total=1, state='done'))\n"
        "print(*sorted({m.partition('.')[0] for m in sys.modules}))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules = set(run.stdout.split())
    assert not modules & {*without.split(), "numpy", "cv2", "openvino"}
