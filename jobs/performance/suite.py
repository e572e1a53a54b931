"""Measures batchcls against the limit of the machine, other programs and itself; prints a table.

    python -m jobs.performance.suite --data ~/data --peers ~/peers --results speed.json > speed.md
    python -m jobs.performance.suite --rows mobilenet,small --rounds 3
    python -m jobs.performance.suite --results speed.json --show

See README.md beside this file for the rows, the interpreters that they need, and how like is
compared with like.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

from jobs.performance import choice_rows, cost_rows, fast_rows, peer_rows
from jobs.performance.comparing import ROOT, Suite
from jobs.performance.facts import facts, load
from jobs.performance.table import Line, markdown

ROWS: dict[str, Callable[[Suite], list[Line]]] = {
    "mobilenet": peer_rows.mobilenet,
    "resnet50": peer_rows.resnet50,
    "squeezenet": peer_rows.squeezenet,
    "resnet50_native": peer_rows.resnet50_native,
    "squeezenet_native": peer_rows.squeezenet_native,
    "whole": peer_rows.whole,
    "start": peer_rows.start,
    "large85": peer_rows.large85,
    "large95": peer_rows.large95,
    "small": cost_rows.small,
    "million": cost_rows.million,
    "memory": cost_rows.memory,
    "grid_mobilenet": choice_rows.grid_mobilenet,
    "grid_resnet50": choice_rows.grid_resnet50,
    "grid_squeezenet": choice_rows.grid_squeezenet,
    "dashboard": cost_rows.dashboard,
    "int8": choice_rows.int8,
    "bench": choice_rows.bench,
    "fast_resnet50": fast_rows.resnet50,
    "fast_lite0": fast_rows.lite0,
    "fast_large85": fast_rows.large85,
    "fast_large95": fast_rows.large95,
    "fast_peers": fast_rows.peers,
    "fast_without": fast_rows.without_units,
    "before": cost_rows.before,
}


def measure(arguments: argparse.Namespace, rows: list[str], found: dict[str, Any]) -> None:
    """Measure rows, and keep each as soon as it is there."""
    end = time.monotonic() + 60 * arguments.minutes if arguments.minutes else None
    with tempfile.TemporaryDirectory(prefix="batchcls-performance-") as folder:
        suite = Suite(arguments, Path(folder))
        for name in rows:
            if end and time.monotonic() > end:
                suite.log(f"{name}: not measured, {arguments.minutes} minutes are over")
                continue
            suite.log(f"\n## {name}")
            begun, before = time.monotonic(), load()
            try:
                lines = ROWS[name](suite)
            except (Exception, SystemExit) as error:  # noqa: BLE001 - the other rows still count
                suite.log(f"{name}: {type(error).__name__}: {error}")
                lines = [Line(name, "", " ".join(f"not measured: {error}".split())[:200], None)]
            found[name] = {
                **facts(ROOT),
                "rounds": suite.rounds,
                "seconds": round(time.monotonic() - begun),
                "load": [round(before, 1), round(load(), 1)],
                "lines": [asdict(line) for line in lines],
            }
            suite.log(markdown(lines) + f"\n({name}: {found[name]['seconds']} s)")
            if arguments.results:
                arguments.results.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def shown(found: dict[str, Any]) -> str:
    """The table of all rows that there are, and what they were measured on."""
    have = [found[name] for name in ROWS if name in found]
    lines = [Line(**line) for row in have for line in row["lines"]]
    parts = [markdown(lines)]
    parts += [
        f"{key}: " + "; ".join(dict.fromkeys(row[key] for row in have))
        for key in ("machine", "versions", "date", "revision")
    ]
    loads = [value for row in have for value in row["load"]]
    rounds = "-".join(str(one) for one in sorted({row["rounds"] for row in have}))
    if have:
        seconds = sum(row["seconds"] for row in have)
        parts.append(
            f"load average before and after a row: {min(loads)}-{max(loads)}; rounds: {rounds}; "
            f"measured in {seconds / 60:.0f} minutes"
        )
    return parts[0] + "\n\n" + "  \n".join(parts[1:])


def parse() -> tuple[argparse.Namespace, list[str]]:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--data", type=Path, default=os.environ.get("BATCHCLS_REAL_DATA") or None,
        help="photos and models [BATCHCLS_REAL_DATA]")  # fmt: skip
    add("--peers", type=Path, help="the peers' scripts")
    add("--rows", default=",".join(ROWS), help=",".join(ROWS))
    add("--rounds", type=int, default=5, help="[5]; fewer are not worth quoting")
    add("--quick", action="store_true",
        help="one round of few images: to see that everything works; no figure counts")  # fmt: skip
    add("--minutes", type=float, default=0, help="begin no row after so many")
    add("--results", type=Path, help="JSON file that gets each row as soon as it is measured; "
        "rows that it has from before stay in the table")  # fmt: skip
    add("--show", action="store_true", help="print the table of --results, measure nothing")
    add("--prepare", action="store_true", help="make what --pictures keeps, measure nothing")
    add("--pictures", type=Path, default=Path(tempfile.gettempdir()) / "batchcls-pictures",
        help="keeps what takes long to make: 12-megapixel JPEGs, the INT8 model")  # fmt: skip
    add("--inputs", type=lambda text: [int(n) for n in text.split(",")], default=[1_000_000],
        help="how many, in the row `million`; such as 1000000,10000000 [1000000]")  # fmt: skip
    add("--grid-minutes", type=float, default=4, help="for each model's grid [4]")
    add("--more-peers", default="", metavar="PEER,…",
        help="such as torch_dataloader_ov:batch=8")  # fmt: skip
    add("--python", action="append", default=[], metavar="PEER=PATH",
        help="the interpreter of a peer whose packages are elsewhere")  # fmt: skip
    add("--lite0-onnx", type=Path, help="EfficientNet-Lite0 with its weights, for ONNX Runtime in "
        "the row `fast_peers`")  # fmt: skip
    add("--before", type=Path, metavar="FOLDER", help="a checkout of an earlier build, whose `run` "
        "the rows of `--fast` compare with [this one]")  # fmt: skip
    arguments = parser.parse_args()
    rows = [row for row in arguments.rows.split(",") if row]
    if unknown := sorted(set(rows) - set(ROWS)):
        parser.error(f"no such row: {', '.join(unknown)}; there are {', '.join(ROWS)}")
    if arguments.show and not arguments.results:
        parser.error("--show needs --results FILE")
    if not arguments.show and arguments.data is None:
        parser.error("--data FOLDER or BATCHCLS_REAL_DATA is missing: where the photos are")
    return arguments, rows


def main() -> None:
    """Entry point."""
    arguments, rows = parse()
    if arguments.prepare:
        with tempfile.TemporaryDirectory(prefix="batchcls-performance-") as folder:
            suite = Suite(arguments, Path(folder))
            with ThreadPoolExecutor() as threads:
                made = [*threads.map(suite.large, (85, 95)), choice_rows.quantised(suite)]
        print("\n".join(map(str, made)))
        return
    found: dict[str, Any] = {}
    if arguments.results and arguments.results.exists():
        found = json.loads(arguments.results.read_text(encoding="utf-8"))
    if not arguments.show:
        measure(arguments, rows, found)
    print(shown(found))


if __name__ == "__main__":
    main()
