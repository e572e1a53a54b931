"""The rows about choices: default layout against the grid, INT8, `bench` against benchmark_app."""

import json
import re
import subprocess
import sys
from pathlib import Path

from batchcls.backends.allocation import decide
from batchcls.backends.machine import this_machine
from batchcls.bench.measure import MOST_IMAGES
from batchcls.bench.tune import race, render_allocation
from batchcls.job.job import Job
from batchcls.sources.sample import sample
from jobs.performance.comparing import HERE, LIKE_PEERS, Suite
from jobs.performance.grid import full_grid
from jobs.performance.table import Line, at_least, judged, middle, ratios, spread, values

BENCH_S = 1.5
APP_S = 3
QUANTIZE = ("--calibration", "100", "--held-out", "50", "--yes")


def grid(suite: Suite, name: str, model: Path) -> list[Line]:
    """The default layout against the best of a full grid.

    Layouts drop out round by round, the default never; the verdict is of the last rounds, in which
    the default and the few best were measured in turn.
    """
    job = Job(sources=(str(suite.photos),), model=str(model))
    machine = this_machine()
    default = decide(job, machine)
    layouts = full_grid(default, machine)
    if suite.quick:
        layouts = layouts[:3]
    folder = suite.work / f"grid-{model.stem}"
    folder.mkdir()
    images = sample(job, MOST_IMAGES)
    raced = race(
        job, layouts, images, folder / "log", suite.arguments.grid_minutes * 60, suite.log,
        keep=0.25, last=4,
    )  # fmt: skip
    best = raced.fastest
    share = [a / b for a, b in zip(raced.final(0), raced.final(best), strict=True)]
    finals = "; ".join(
        f"{render_allocation(layouts[n])}: {spread(raced.final(n), 1)} images/s" for n in raced.left
    )
    return [
        judged(
            f"default layout / best of {len(layouts)} layouts, {name}", "≥ 0.97", share,
            at_least(0.97), f"{{}} of {len(share)} rounds; the last ones: {finals}",
        )
    ]  # fmt: skip


def grid_mobilenet(suite: Suite) -> list[Line]:
    """MobileNet v2."""
    return grid(suite, "MobileNet v2", suite.mobilenet)


def grid_resnet50(suite: Suite) -> list[Line]:
    """ResNet-50."""
    return grid(suite, "ResNet-50", suite.light("resnet50"))


def grid_squeezenet(suite: Suite) -> list[Line]:
    """SqueezeNet."""
    return grid(suite, "SqueezeNet", suite.light("squeezenet"))


def original(suite: Suite) -> Path:
    """ResNet-50 with constants for weights, kept."""

    def make(path: Path) -> None:
        words = [sys.executable, str(HERE / "filled.py"), str(suite.light("resnet50")), str(path)]
        subprocess.run(words, check=True)

    return suite.keep("resnet50.xml", make, of=(HERE / "filled.py").read_text(encoding="utf-8"))


def quantised(suite: Suite) -> Path:
    """It in INT8 by `batchcls quantize`, kept."""
    model = original(suite)

    def make(path: Path) -> None:
        made = ["quantize", str(model), str(suite.photos), "-o", str(path)]
        suite.batchcls([*made, *QUANTIZE, *LIKE_PEERS.split()])

    return suite.keep("resnet50-int8.xml", make, of=f"{QUANTIZE} {model}")


def int8(suite: Suite) -> list[Line]:
    """INT8 against the original, end to end."""
    commands = {
        "int8": suite.ours(model=quantised(suite)),
        "original": suite.ours(LIKE_PEERS),
    }
    native = suite.native()
    if native != "f32":
        commands["native"] = suite.ours(f"{LIKE_PEERS} --infer-precision {native}")
    found = suite.compare(suite.photos_times(3), original(suite), "", commands)
    faster = ratios(found["int8"], found["original"], "steady")
    ended = spread(ratios(found["int8"], found["original"], "total"))
    also = ""
    if "native" in found:
        beside = spread(ratios(found["int8"], found["native"], "steady"))
        also = f"; against the original in {native} {beside}x"
    rate = middle(values(found["int8"], "steady"))
    return [
        judged(
            "ResNet-50, INT8 by `batchcls quantize` against the original in f32, 900 photos",
            "≥ 1.8x", faster, at_least(1.8),
            f"{{}}x steady, {rate:.1f} images/s; whole run {ended}x{also}",
        )
    ]  # fmt: skip


def bench(suite: Suite) -> list[Line]:
    """`batchcls bench` against benchmark_app, inference alone, one process, same settings."""
    lines = []
    models = (("MobileNet v2", suite.mobilenet), ("ResNet-50", suite.light("resnet50")))
    for name, model in models:
        ours, theirs = [], []
        for _ in range(suite.rounds):
            told = suite.batchcls(
                ["bench", str(model), "--seconds", str(BENCH_S), "--json", "--int8", "fast"]
            )
            found = json.loads(told)["inference"][0]
            ours.append(found["fps"])
            theirs.append(benchmark_app(model, found["settings"]))
        same = [a / b for a, b in zip(ours, theirs, strict=True)]
        lines.append(
            judged(
                f"`batchcls bench` / benchmark_app, inference alone, {name}", "0.95-1.05", same,
                within_5_percent,
                f"{{}}; {middle(ours):.1f} and {middle(theirs):.1f} images/s", 3,
            )
        )  # fmt: skip
    return lines


def within_5_percent(value: float) -> bool:
    """Equal, as far as a machine lets us tell."""
    return 0.95 <= value <= 1.05


def benchmark_app(model: Path, settings: dict[str, str]) -> float:
    """Its images per second."""
    words = [str(Path(sys.executable).with_name("benchmark_app")), "-m", str(model), "-d", "CPU"]
    words += ["-hint", "throughput", "-nireq", settings["nireq"]]
    words += ["-infer_precision", settings["precision"], "-t", str(APP_S)]
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=False)
    found = re.search(r"Throughput:\s+([0-9.]+)", done.stdout)
    if found is None:
        raise SystemExit(f"benchmark_app measured nothing:\n{done.stdout}")
    return float(found[1])
