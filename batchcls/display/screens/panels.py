"""The parts of the dashboard, each a pure function from a snapshot to lines of a given width."""

from collections.abc import Sequence

from batchcls.display import text
from batchcls.display.screens.glyphs import Glyphs
from batchcls.display.screens.plain import waiting_words
from batchcls.display.snapshot import Snapshot, WorkerRow
from batchcls.display.table import Cell, Column, Line, columns_of, joined, padded, table
from batchcls.messages import STAGES

STATE_STYLES = {
    "listing": "cyan",
    "loading": "cyan",
    "running": "green",
    "waiting": "cyan",
    "draining": "yellow",
    "done": "bold green",
    "stopped": "bold red",
    "interrupted": "bold yellow",
    "starting": "cyan",
    "silent": "yellow",
    "restarting": "red",
    "gone": "dim",
    "lost": "bold red",
    "retired": "red",
    "left out": "yellow",
}
STAGE_STYLES = {
    "read": "blue",
    "decode": "cyan",
    "preprocess": "magenta",
    "wait": "bright_black",
    "infer": "green",
    "write": "yellow",
}
SPARK = 14
NARROW = 56


def title(shot: Snapshot, width: int, glyphs: Glyphs) -> list[Line]:
    """Two lines: what runs on what and how it stands; from where to where."""
    state = joined(
        [
            Cell(shot.state, STATE_STYLES.get(shot.state, "")),
            Cell(text.duration(shot.elapsed_s), "dim"),
        ],
        width if width >= 60 else len(shot.state),
        f" {glyphs.dot} ",
    )
    room = width - columns_of(state) - 2
    model = text.fit(shot.model, max(0, room - len("batchcls ")))
    devices = ", ".join(shot.devices) or "CPU"
    what = joined(
        [Cell("batchcls", "bold"), Cell(model, "cyan"), Cell(f"on {devices}", "dim")], room, " "
    )
    results = text.fit(shot.results, max(12, width // 2), keep="end")
    arrow = f" {glyphs.arrow} "
    room = width - text.width(results) - text.width(arrow)
    sources = text.fit(" ".join(shot.sources), room)
    return [
        (*padded(what, width - columns_of(state)), *state),
        (Cell(sources + arrow + results, "dim"),),
    ]


def overall(shot: Snapshot, width: int, glyphs: Glyphs) -> list[Line]:
    """The bar with the ETA, and below it the figures, once there are some."""
    figures = _figures(shot, width, glyphs)
    return [_bar(shot, width, glyphs), *([figures] if figures else [])]


def _bar(shot: Snapshot, width: int, glyphs: Glyphs) -> Line:
    share = shot.share
    if shot.state == "waiting":
        return (Cell(text.fit(waiting_words(shot), width), "cyan"),)
    if shot.total is None or share is None:
        activity = "listing the images" if shot.state == "listing" else "loading the model"
        return (Cell(text.fit(activity, width), "cyan"),)
    parts = [
        Cell(text.percent(share), "bold"),
        Cell(f"{text.count(shot.done)} of {text.count(shot.total)}"),
    ]
    if shot.eta_s is not None and shot.done < shot.total:
        parts.append(Cell(f"ETA {text.duration(shot.eta_s)}", "bold"))
        if width < NARROW:
            del parts[1]
    figures = joined(parts, max(0, width - 8))
    columns = max(4, width - columns_of(figures) - 2)
    done, left = glyphs.bar(share, columns)
    style = "green" if shot.done >= shot.total else "cyan"
    return (Cell(done, style), Cell(left, "bright_black"), Cell("  "), *figures)


def _figures(shot: Snapshot, width: int, glyphs: Glyphs) -> Line:
    parts: list[Cell] = []
    if not shot.finished and shot.rate_mean:
        parts.append(Cell(f"{text.rate(shot.rate_now)} images/s", "bold"))
        if width >= NARROW:
            parts.append(Cell(glyphs.spark(shot.history, SPARK), "cyan"))
    if shot.rate_mean:
        unit = "images/s" if shot.finished else "mean"
        parts.append(Cell(f"{text.rate(shot.rate_mean)} {unit}"))
    if shot.failed:
        kinds = sorted(shot.failed_by_kind.items(), key=lambda pair: -pair[1])
        few = ", ".join(f"{kind} {text.count(n)}" for kind, n in kinds[:3])
        parts.append(Cell(f"{text.count(shot.failed)} failed", "yellow"))
        if few:
            parts.append(Cell(few, "dim"))
    elif shot.done:
        parts.append(Cell("none failed", "dim"))
    parts += _agreement(shot)
    if shot.resumed:
        parts.append(Cell(f"{text.count(shot.resumed)} from earlier sessions", "dim"))
    if shot.held >= 500 and not shot.finished:
        parts.append(Cell(f"{text.count(shot.held)} waiting for an earlier image", "dim"))
    return joined(parts, width)


def _agreement(shot: Snapshot) -> list[Cell]:
    """How devices agree with the CPU, on the clear images that it labelled too."""
    return [
        Cell(
            f"{device} agrees on {text.count(agreed)} of {text.count(clear)}",
            "dim" if agreed == clear else "yellow",
        )
        for device, (agreed, clear) in shot.agreement.items()
        if clear and not shot.finished
    ]


def workers(shot: Snapshot, width: int, glyphs: Glyphs, most: int) -> list[Line]:
    """A heading, a line per worker and device, and one that stands for those that do not fit."""
    rows = shot.workers
    if not rows:
        return []
    shown = rows if len(rows) <= most else rows[: max(0, most - 1)]
    lines = table(_columns(shown, glyphs), width) if shown else []
    if len(shown) < len(rows):
        lines.append(_others(rows[len(shown) :], width))
    return lines


def _columns(rows: Sequence[WorkerRow], glyphs: Glyphs) -> list[Column]:
    machines = any(row.machine for row in rows)
    who = Column("worker", [Cell(str(row.worker)) for row in rows], right=True, keep=9)
    last = [
        Column("in flight", [Cell(_in_flight(row)) for row in rows], right=True, keep=2),
        Column("restarts", [_restarts(row) for row in rows], right=True, keep=1),
        Column("memory", [Cell(_memory(row)) for row in rows], right=True),
    ]
    if machines:
        who = Column("machine", [Cell(row.machine) for row in rows], keep=9, most=24)
        last = [
            Column("workers", [Cell(text.count(row.workers)) for row in rows], right=True, keep=4),
            Column("restarts", [_restarts(row) for row in rows], right=True, keep=1),
            Column("lost", [_losses(row) for row in rows], right=True, keep=2),
        ]
    return [
        who,
        Column("device", [Cell(row.device, "cyan") for row in rows], keep=8, most=18),
        Column("state", [_state(row) for row in rows], keep=6),
        Column("images", [Cell(_images(row)) for row in rows], right=True, keep=5),
        Column("images/s", [Cell(_rate(row), "bold") for row in rows], right=True, keep=10),
        Column(
            "",
            [Cell(glyphs.spark(row.history, SPARK), "cyan") for row in rows],
            keep=4,
            most=SPARK,
        ),
        Column("latency", [Cell(_latency(row)) for row in rows], right=True, keep=3),
        *last,
    ]


def _state(row: WorkerRow) -> Cell:
    state = f"silent {row.silent_s:.0f} s" if row.state == "silent" else row.state
    # As wide as its longest word from the start, so that a change does not move the columns.
    return Cell(state.ljust(len("restarting")), STATE_STYLES.get(row.state, ""))


def _images(row: WorkerRow) -> str:
    return "" if row.state == "starting" else text.count(row.images)


def _rate(row: WorkerRow) -> str:
    return text.rate(row.rate) if row.images else ""


def _latency(row: WorkerRow) -> str:
    return "" if row.latency_ms is None else f"{text.rate(row.latency_ms)} ms"


def _in_flight(row: WorkerRow) -> str:
    if row.state == "starting":
        return ""
    return f"{row.in_flight}/{row.nireq}" if row.nireq else str(row.in_flight)


def _memory(row: WorkerRow) -> str:
    return text.size(row.rss) if row.rss else ""


def _restarts(row: WorkerRow) -> Cell:
    if row.state == "starting" and not row.restarts:
        return Cell("")
    return Cell(str(row.restarts), "yellow" if row.restarts else "dim")


def _losses(row: WorkerRow) -> Cell:
    return Cell(str(row.losses) if row.losses else "", "yellow")


def _others(rows: Sequence[WorkerRow], width: int) -> Line:
    others = f"and {len(rows)} more: {text.rate(sum(row.rate for row in rows))} images/s"
    for state in ("restarting", "silent", "lost", "retired", "left out"):
        number = sum(row.state == state for row in rows)
        others += f", {number} {state}" if number else ""
    return (Cell(text.fit(others, width), "dim"),)


def stages(shot: Snapshot, width: int, glyphs: Glyphs) -> list[Line]:
    """Two lines: a bar of where the workers' time goes, and what its parts are."""
    total = sum(shot.spent.values())
    if total <= 0:
        return []
    shares = {stage: shot.spent.get(stage, 0.0) / total for stage in STAGES}
    stretches = glyphs.segments(list(shares.values()), width)
    bar = tuple(
        Cell(stretch, STAGE_STYLES[stage]) for stage, stretch in zip(STAGES, stretches, strict=True)
    )
    named = {stage: f" {stage} {share:.0%}" for stage, share in shares.items() if share >= 0.005}
    while named and sum(len(name) + 4 for name in named.values()) + len("time") > width:
        del named[min(named, key=lambda stage: shares[stage])]
    legend = [Cell("time", "dim")]
    for stage, name in named.items():
        legend += [Cell("   "), Cell(glyphs.block, STAGE_STYLES[stage])]
        legend.append(Cell(name, "dim" if shares[stage] < 0.1 else ""))
    return [bar, tuple(legend)]


def labels(shot: Snapshot, width: int, glyphs: Glyphs) -> list[Line]:
    """The most frequent labels with their share of the images that have one."""
    if not shot.labels:
        return []
    top = max(1, *(count for _, count in shot.labels))
    bars = 10 if width >= 44 else 5
    names, counts = zip(*shot.labels, strict=True)
    blocks = [glyphs.line(count / top, bars).ljust(bars) for count in counts]
    shares = [f"{count / max(shot.labelled, 1):.0%}" for count in counts]
    longest = max(8, width - bars - 17)
    return table(
        [
            Column("most frequent", [Cell(name) for name in names], keep=3, most=longest),
            Column("", [Cell(block, "green") for block in blocks], keep=1),
            Column("images", [Cell(text.count(count)) for count in counts], right=True, keep=2),
            Column("", [Cell(share, "dim") for share in shares], right=True),
        ],
        width,
    )


def failures(shot: Snapshot, width: int) -> list[Line]:
    """The last failures: which image, which kind, why."""
    if not shot.failures:
        return []
    rows = shot.failures
    longest = max(text.width(text.safe(row.path)) for row in rows)
    path = max(12, min(44, width // 2, longest))
    why = max(8, width - path - max(len(row.kind) for row in rows) - 4)
    return table(
        [
            Column("last failures", [Cell(row.path) for row in rows], keep=2, most=path, end=True),
            Column("", [Cell(row.kind, "yellow") for row in rows], keep=1),
            Column("", [Cell(row.message, "dim") for row in rows], most=why),
        ],
        width,
    )


def warnings(shot: Snapshot, width: int) -> list[Line]:
    """The last two warnings."""
    return [
        (Cell("warning  ", "yellow"), Cell(text.fit(warning, width - len("warning  "))))
        for warning in shot.warnings[-2:]
    ]


def hint(shot: Snapshot, width: int, *, watching: bool = False) -> list[Line]:
    """What the person at the terminal may do."""
    if shot.state == "done":
        return []
    advice = "Ctrl-C stops; the same command resumes"
    if watching:
        advice = "Ctrl-C leaves; the run continues"
    elif shot.state == "waiting":
        advice = "Ctrl-C ends; the same command goes on"
    elif shot.state == "draining":
        advice = "finishing the images that were started; Ctrl-C again stops at once"
    return [(Cell(text.fit(advice, width), "dim"),)]
