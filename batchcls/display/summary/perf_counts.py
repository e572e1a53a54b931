"""Where the time went layer by layer (``--perf-counts``): totals over workers, table, CSV file."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, fields
from pathlib import Path
from typing import Any

from batchcls.display import text
from batchcls.display.table import Cell, Column, Line, line, table
from batchcls.messages import LayerTime

SHOWN = 20


def total_layers(rows: Iterable[Mapping[str, Any]]) -> tuple[LayerTime, ...]:
    """The workers' counters added up, the layer that took longest first.

    Args:
        rows: as workers send them: device, name, type, exec_type, status, real_ms, cpu_ms, count.
            Keys that are missing count as empty or zero.
    """
    sums: dict[tuple[str, ...], LayerTime] = {}
    for row in rows:
        device, name, kind, primitive, status = key = tuple(
            str(row.get(k, "")) for k in ("device", "name", "type", "exec_type", "status")
        )
        real, cpu, count = (_number(row.get(k)) for k in ("real_ms", "cpu_ms", "count"))
        if (so_far := sums.get(key)) is not None:
            real, cpu, count = real + so_far.real_ms, cpu + so_far.cpu_ms, count + so_far.count
        # OpenVINO counts microseconds: what is behind them is the sum's rounding.
        real, cpu = round(real, 6), round(cpu, 6)
        sums[key] = LayerTime(device, name, kind, primitive, status, real, cpu, int(count))
    # Equal times (layers that were optimised away) stay in the order of execution.
    return tuple(sorted(sums.values(), key=lambda layer: -layer.real_ms))


def write_csv(path: Path, layers: Sequence[LayerTime]) -> None:
    """All layers as CSV with a heading.

    Raises:
        OSError: the file cannot be written.
    """
    with path.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(field.name for field in fields(LayerTime))
        rows.writerows(astuple(layer) for layer in layers)


def layer_lines(layers: Sequence[LayerTime], width: int, most: int = SHOWN) -> list[Line]:
    """The layers that took longest, as a table that fits `width`, with the total below."""
    if not layers:
        return []
    shown = layers[:most]
    real = sum(layer.real_ms for layer in layers)
    lines = table(
        [
            Column("layer", [Cell(layer.name) for layer in shown], keep=9, most=36, end=True),
            Column("type", [Cell(layer.type, "cyan") for layer in shown], keep=8, most=24),
            Column("primitive", [Cell(layer.exec_type, "dim") for layer in shown], keep=1, most=28),
            Column("device", [Cell(layer.device) for layer in shown], keep=4, most=18),
            Column("real ms", [_ms(layer.real_ms) for layer in shown], right=True, keep=7),
            Column("cpu ms", [_ms(layer.cpu_ms) for layer in shown], right=True, keep=6),
            Column("", [_share(layer.real_ms, real) for layer in shown], right=True, keep=3),
        ],
        width,
    )
    cpu = sum(layer.cpu_ms for layer in layers)
    total = f"total {real:,.1f} ms real, {cpu:,.1f} ms cpu"
    if len(layers) > most:
        total += f", {text.counted(len(layers) - most, 'more layer', 'more layers')} not shown"
    return [*lines, line(Cell(text.fit(total, width), "dim"))]


def _number(value: object) -> float:
    return value if isinstance(value, int | float) else 0


def _share(part: float, whole: float) -> Cell:
    return Cell(f"{part / whole:.0%}" if whole else "", "dim")


def _ms(value: float) -> Cell:
    return Cell(f"{value:,.3f}")
