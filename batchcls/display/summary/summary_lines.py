"""The summary at the end of a run as lines: the same text on a terminal and in a log."""

import textwrap
from collections.abc import Sequence
from typing import TextIO

from batchcls.display import text
from batchcls.display.screens.stream import QuietStream
from batchcls.display.summary.perf_counts import layer_lines
from batchcls.display.summary.summary import DeviceFigures, MachineFigures, Summary
from batchcls.display.table import Cell, Column, Line, line, plain, table
from batchcls.messages import LayerTime

NAME = 12
WIDEST = 100
OUTCOMES = {
    "done": ("done", "bold green"),
    "stopped": ("stopped early", "bold red"),
    "interrupted": ("interrupted", "bold yellow"),
}


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
    """Print that there is nothing to do. A stream that is gone is no error."""
    if stream is not None:
        QuietStream(stream).write(
            f"{text.safe(results)} is complete: {text.counted(images, 'image', 'images')}, "
            f"{text.count(failed)} failed. `--extend` adds new images, `--retry-failed` tries "
            "failed images again, `--fresh` starts over.\n"
        )


def _all_lines(summary: Summary, layers: Sequence[LayerTime], width: int) -> list[Line]:
    lines = summary_lines(summary, width)
    if layers:
        lines += [(), *layer_lines(layers, width)]
    return lines


def summary_lines(summary: Summary, width: int) -> list[Line]:
    """All but the layers."""
    outcome, style = OUTCOMES.get(summary.state, (summary.state, ""))
    written = summary.results if summary.state == "done" else f"{summary.results}.part"
    lines = [line(Cell(outcome, style), Cell(f"  {written}"))]
    if summary.reason:
        lines += _entry("reason", summary.reason, width, "yellow")
    lines += _entry("images", _images(summary), width)
    if summary.failed:
        lines += _entry("failed", _failed(summary), width, "yellow")
    lines += _entry("wall time", _wall_time(summary), width)
    if summary.fps:
        lines += _entry("throughput", f"{text.rate(summary.fps)} FPS", width, "bold")
    if summary.restarts:
        workers = text.counted(summary.restarts, "worker was", "workers were")
        lines += _entry("restarts", f"{workers} restarted", width, "yellow")
    if summary.why:
        lines += _entry("bottleneck", summary.why, width)
    if summary.faster:
        lines += _entry("faster", summary.faster, width)
    for sentence in summary.agreed:
        lines += _entry("checked", sentence, width)
    for warning in summary.warnings:
        lines += _entry("warning", warning, width, "yellow")
    for number, step in enumerate(summary.next_steps):
        lines += _entry("" if number else "next", step, width, "cyan")
    return lines + _tables(summary, width)


def _tables(summary: Summary, width: int) -> list[Line]:
    lines: list[Line] = []
    if any(figures.images for figures in summary.devices):
        lines += [(), *_devices(summary.devices, width)]
    if summary.machines:
        lines += [(), *_machines(summary.machines, width)]
    return lines


def _images(summary: Summary) -> str:
    done = f"{text.count(summary.done)} of {text.count(summary.total)}"
    earlier = f" ({text.count(summary.resumed)} from earlier sessions)" if summary.resumed else ""
    return f"{done}{earlier}, {text.count(summary.ok)} labelled"


def _failed(summary: Summary) -> str:
    kinds = (f"{kind} {text.count(number)}" for kind, number in summary.failed_by_kind.items())
    return f"{text.count(summary.failed)}: {', '.join(kinds)}"


def _wall_time(summary: Summary) -> str:
    startup = (
        f", including {text.duration(summary.startup_s)} of start-up" if summary.startup_s else ""
    )
    return text.duration(summary.wall_s) + startup


def _entry(name: str, message: str, width: int, style: str = "") -> list[Line]:
    room = max(20, width - NAME)
    parts = textwrap.wrap(text.safe(message), room, break_on_hyphens=False) or [""]
    first = (Cell(name.ljust(NAME), "dim"), Cell(parts[0], style))
    return [first, *((Cell(" " * NAME), Cell(part, style)) for part in parts[1:])]


def _devices(devices: Sequence[DeviceFigures], width: int) -> list[Line]:
    columns = [
        Column("device", [Cell(one.device, "cyan") for one in devices], keep=9, most=32),
        Column("FPS", [Cell(text.rate(one.fps), "bold") for one in devices], right=True, keep=8),
        Column("images", [Cell(text.count(one.images)) for one in devices], right=True, keep=7),
        Column("latency", [Cell(_latency(one)) for one in devices], right=True, keep=5),
        Column("workers", [Cell(str(one.workers)) for one in devices], right=True, keep=4),
    ]
    if any(one.operations for one in devices):
        cells = [Cell(_operations(one)) for one in devices]
        columns.append(Column("operations", cells, keep=6, most=40))
    return table(columns, width)


def _machines(machines: Sequence[MachineFigures], width: int) -> list[Line]:
    return table(
        [
            Column("machine", [Cell(one.machine, "cyan") for one in machines], keep=9, most=32),
            Column("FPS", [Cell(text.rate(one.fps), "bold") for one in machines], right=True),
            Column("images", [Cell(text.count(one.images)) for one in machines], right=True),
            Column("restarts", [Cell(str(one.restarts)) for one in machines], right=True),
            Column("lost", [Cell(str(one.losses)) for one in machines], right=True),
            Column("at the end", [Cell(_outcome(one)) for one in machines]),
        ],
        width,
    )


def _outcome(figures: MachineFigures) -> str:
    return figures.state if figures.state in ("lost", "retired", "left out") else "there"


def _latency(figures: DeviceFigures) -> str:
    return "" if figures.latency_ms is None else f"{text.rate(figures.latency_ms)} ms"


def _operations(figures: DeviceFigures) -> str:
    return ", ".join(f"{device} {number}" for device, number in figures.operations.items())
