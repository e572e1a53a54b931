"""The summary at the end of a run as lines: the same words on a terminal and in a log."""

import textwrap
from collections.abc import Sequence
from typing import TextIO

from batchcls.display import text
from batchcls.display.screens.stream import QuietStream
from batchcls.display.summary.perf_counts import layer_lines
from batchcls.display.summary.summary import DeviceFigures, Summary
from batchcls.display.table import Cell, Column, Line, line, plain, table
from batchcls.messages import LayerTime

NAME = 12
WIDEST = 100
OUTCOMES = {"done": ("done", "bold green"), "stopped": ("stopped early", "bold red"),
            "interrupted": ("interrupted", "bold yellow")}  # fmt: skip


def show_summary(summary: Summary, stream: TextIO | None, layers: Sequence[LayerTime] = ()) -> None:
    """Print the summary, in colour on a terminal. A stream that is gone is no error."""
    if stream is None:  # started without that descriptor
        return
    quiet = QuietStream(stream)
    if quiet.isatty():
        width = min(quiet.size[0] - 1, WIDEST)
        from batchcls.display.screens.styles import console_on, painted

        console = console_on(quiet)
        console.print()
        console.print(painted(_all_lines(summary, layers, width)), crop=False)
    else:
        lines = _all_lines(summary, layers, WIDEST)
        quiet.write("".join(plain(cells) + "\n" for cells in lines))
        quiet.flush()


def show_complete(results: str, images: int, failed: int, stream: TextIO | None) -> None:
    """Say that there was nothing to do. A stream that is gone is no error."""
    if stream is not None:
        QuietStream(stream).write(
            f"{results} is complete: {images} images, {failed} failed. --extend adds new images, "
            "--retry-failed redoes the failed ones, --fresh starts over.\n"
        )


def _all_lines(summary: Summary, layers: Sequence[LayerTime], width: int) -> list[Line]:
    lines = summary_lines(summary, width)
    if layers:
        lines += [(), *layer_lines(layers, width)]
    return lines


def summary_lines(summary: Summary, width: int) -> list[Line]:
    """All but the layers."""
    words, style = OUTCOMES.get(summary.state, (summary.state, ""))
    written = summary.results if summary.state == "done" else f"{summary.results}.part"
    lines = [line(Cell(words, style), Cell(f"  {written}"))]
    if summary.reason:
        lines += _entry("reason", summary.reason, width, "yellow")
    lines += _entry("images", _images(summary), width)
    if summary.failed:
        kinds = (f"{kind} {text.count(n)}" for kind, n in summary.failed_by_kind.items())
        words = f"{text.count(summary.failed)}: {', '.join(kinds)}"
        lines += _entry("failed", words, width, "yellow")
    startup = f", of which start-up {text.duration(summary.startup_s)}"
    words = text.duration(summary.wall_s) + (startup if summary.startup_s else "")
    lines += _entry("wall time", words, width)
    if summary.fps:
        lines += _entry("throughput", f"{text.rate(summary.fps)} FPS", width, "bold")
    if summary.restarts:
        words = text.counted(summary.restarts, "worker was replaced", "workers were replaced")
        lines += _entry("restarts", words, width, "yellow")
    if summary.why:
        lines += _entry("bottleneck", summary.why, width)
    for warning in summary.warnings:
        lines += _entry("warning", warning, width, "yellow")
    for n, step in enumerate(summary.next_steps):
        lines += _entry("" if n else "next", step, width, "cyan")
    if any(figures.images for figures in summary.devices):
        lines += [(), *_devices(summary.devices, width)]
    return lines


def _images(summary: Summary) -> str:
    words = f"{text.count(summary.done)} of {text.count(summary.total)}"
    if summary.resumed:
        words += f" ({text.count(summary.resumed)} from before)"
    return f"{words}, {text.count(summary.ok)} labelled"


def _entry(name: str, words: str, width: int, style: str = "") -> list[Line]:
    room = max(20, width - NAME)
    parts = textwrap.wrap(text.safe(words), room, break_on_hyphens=False) or [""]
    first = (Cell(name.ljust(NAME), "dim"), Cell(parts[0], style))
    return [first, *((Cell(" " * NAME), Cell(part, style)) for part in parts[1:])]


def _devices(devices: Sequence[DeviceFigures], width: int) -> list[Line]:
    columns = [
        Column("device", [Cell(d.device, "cyan") for d in devices], keep=9, most=32),
        Column("FPS", [Cell(text.rate(d.fps), "bold") for d in devices], right=True, keep=8),
        Column("images", [Cell(text.count(d.images)) for d in devices], right=True, keep=7),
        Column("latency", [Cell(_latency(d)) for d in devices], right=True, keep=5),
        Column("workers", [Cell(str(d.workers)) for d in devices], right=True, keep=4),
    ]
    if any(d.operations for d in devices):
        cells = [Cell(_operations(d)) for d in devices]
        columns.append(Column("operations", cells, keep=6, most=40))
    return table(columns, width)


def _latency(figures: DeviceFigures) -> str:
    return "" if figures.latency_ms is None else f"{text.rate(figures.latency_ms)} ms"


def _operations(figures: DeviceFigures) -> str:
    return ", ".join(f"{device} {n}" for device, n in figures.operations.items())
