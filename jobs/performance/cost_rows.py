"""The rows about what batchcls itself costs, per image, worker and million, and against before."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

from batchcls.backends.allocation import decide
from batchcls.backends.localised import with_built
from batchcls.backends.machine import child_processes, this_machine
from batchcls.bench.feed import Feed
from batchcls.images import Folder, ImageRef
from batchcls.job.job import Job
from batchcls.model.builtin import path as builtin
from jobs.performance import pictures
from jobs.performance.comparing import HERE, LIKE_PEERS, ROOT, Suite
from jobs.performance.table import Line, at_least, at_most, below, judged, middle, ratios, spread

FEED_S = 3.0
MB = 1_000_000
ROOM_MB = 70
FEW = 100
"""Images of a run that is next to nothing but start and end."""
SHORT_ROUNDS = 15
"""Of the runs of ten thousand: what they take beyond start and end is well below a second."""


def images_in(folder: Path, paths: list[str]) -> list[ImageRef]:
    """These files of a folder as a run's images."""
    place = Folder(str(folder))
    return [ImageRef(number, path, place) for number, path in enumerate(paths)]


@contextmanager
def stages(job: Job, root: Path, paths: list[str]) -> Iterator["Stages"]:
    """A process that measures the stages of a worker, see stages.py."""
    popen = subprocess.Popen(
        [sys.executable, str(HERE / "stages.py")], env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield Stages(popen, {"job": job.as_dict(), "root": str(root), "paths": paths})
    finally:
        popen.communicate()


class Stages:
    """The stages, measured whenever asked."""

    def __init__(self, popen: subprocess.Popen[str], order: dict[str, Any]) -> None:
        self._popen = popen
        self._say(json.dumps(order))
        self.weights = int(self._hear()["weights"])

    def begin(self) -> None:
        """Begin to measure."""
        self._say("")

    def end(self) -> dict[str, float]:
        """Microseconds by stage."""
        return self._hear()

    def _say(self, text: str) -> None:
        if self._popen.stdin:
            self._popen.stdin.write(text + "\n")
            self._popen.stdin.flush()

    def _hear(self) -> dict[str, float]:
        text = self._popen.stdout.readline() if self._popen.stdout else ""
        if not text:
            raise SystemExit("stages.py ended; see above")
        found: dict[str, float] = json.loads(text)
        return found


def small(suite: Suite) -> list[Line]:
    """64 by 64 PNG pictures through the built-in model, in the default layout.

    Threads that infer are told apart from the others by the kernel's counters. What the others take
    in a worker, less what read, decode and preprocess take in a plain loop with inference (in as
    many processes at once as there are workers), is the worker's own.
    """
    folder = pictures.small(suite.work / "small", 500)
    paths = sorted(path.name for path in folder.iterdir())
    job = Job(sources=(str(folder),), model=str(builtin()))
    layout = decide(job, this_machine())
    own, coordinator, others = [], [], []
    with ExitStack() as stack:
        feed = stack.enter_context(
            closing(Feed(job, layout, images_in(folder, paths), suite.work / "small-log"))
        )
        alone = [stack.enter_context(stages(job, folder, paths)) for _ in range(layout.workers)]
        for _ in range(suite.rounds + 1):  # the first is for warming up
            rate = feed.measure(0.5, FEED_S)
            feed.settle()  # the others are measured alone
            for one in alone:
                one.begin()
            took = [one.end() for one in alone]
            names = ("read", "decode", "preprocess")
            parts = middle([sum(one[name] for name in names) for one in took])
            own.append(1e6 * rate.beside_s / rate.images - parts)
            others.append(parts)
            coordinator.append(1e6 * rate.coordinator_s / rate.images)
    what = "small images (64x64 PNG, built-in model)"
    return [
        judged(
            f"{what}: processor time in a worker beside read, decode, preprocess, infer",
            "< 60 µs per image", own[1:], below(60),
            f"{{}} µs; read, decode, preprocess in a plain loop {middle(others[1:]):.0f} µs", 0,
        ),
        judged(
            f"{what}: processor time in the coordinator", "< 25 µs per image", coordinator[1:],
            below(25), "{} µs", 1,
        ),
    ]  # fmt: skip


def million(suite: Suite) -> list[Line]:
    """Cost per image at a million inputs (`--inputs`) against ten thousand.

    Real runs over 8 by 8 pixel PNGs (hard links of 17 files) and a model that takes their mean:
    listing, sorting, coordinating, recording, and next to no decoding or inference. Start and end,
    measured by runs of a hundred images, are taken off.
    """

    def run(images: int) -> dict[str, float]:
        done = subprocess.run(
            [sys.executable, "-m", "jobs.measure.million", str(suite.work), "--json",
             "--images", str(images)],
            stdout=subprocess.PIPE, text=True, check=True, env=suite.environment,
        )  # fmt: skip
        found: dict[str, float] = json.loads(done.stdout)
        return found

    base, thousands, large = [], [], {}
    sizes = list(suite.arguments.inputs)
    rounds = suite.rounds_or(SHORT_ROUNDS)
    for number in range(rounds):
        base.append(run(FEW))
        thousands.append(run(10_000))
        if number == rounds // 2:
            large = {size: run(size) for size in sizes}

    def cost(found: dict[str, float], key: str) -> float:
        """Microseconds of an image without start and end."""
        fixed = middle([one[key] for one in base])
        return 1e6 * (found[key] - fixed) / (found["lines"] - FEW)

    lines = []
    usual = {key: [cost(one, key) for one in thousands] for key in ("cpu_s", "coordinator_s")}
    for size, found in large.items():
        share = [cost(found, "cpu_s") / one for one in usual["cpu_s"]]
        each = ", ".join(
            f"{name} {cost(found, key):.0f} µs against {spread(usual[key], 0)} µs"
            for name, key in (("all processes", "cpu_s"), ("coordinator", "coordinator_s"))
        )
        rate = found["lines"] / found["seconds"]
        lines += [
            judged(
                f"processor time per image at {size:,} inputs / at 10,000",
                "≤ 1.05", share, at_most(1.05), f"{{}}; {each}; {rate:,.0f} images/s",
            ),
            Line(
                f"coordinator's memory at {size:,} inputs (peak RSS)", "< 200 MB",
                f"{found['coordinator_mb']:.0f} MB; "
                f"{middle([o['coordinator_mb'] for o in thousands]):.0f} MB at 10,000",
                found["coordinator_mb"] < 200,
            ),
        ]  # fmt: skip
    return lines


def memory(suite: Suite) -> list[Line]:
    """PSS of a further worker while all work: three against one."""
    lines = []
    models = (("MobileNet v2", suite.mobilenet), ("ResNet-50", suite.light("resnet50")))
    names = sorted(path.name for path in suite.photos.iterdir())
    for name, model in models:
        found: dict[int, list[float]] = {1: [], 3: []}
        job = Job(sources=(str(suite.photos),), model=str(model))
        with stages(job, suite.photos, names[:1]) as compiled:
            weights = compiled.weights / MB
        for _ in range(min(suite.rounds, 3)):
            for workers, sums in found.items():
                one = Job.from_dict({**job.as_dict(), "workers": workers})
                log = suite.work / "memory-log"
                layout = decide(one, this_machine())
                with closing(Feed(one, layout, images_in(suite.photos, names), log)) as feed:
                    feed.measure(1.0, 2.0)
                    sums.append(sum(map(_pss, child_processes())) / MB)
        each = [(three - one) / 2 for one, three in zip(found[1], found[3], strict=True)]
        limit = weights + ROOM_MB
        lines.append(
            judged(
                f"memory per further worker (PSS), {name}",
                f"≤ {limit:.0f} MB (compiled weights {weights:.0f} MB + {ROOM_MB})", each,
                at_most(limit), "{} MB", 0,
            )
        )  # fmt: skip
    return lines


def _pss(pid: int) -> int:
    """Bytes of a process, shared pages shared out."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(text.partition("Pss:")[2].split()[0]) * 1024


def dashboard(suite: Suite) -> list[Line]:
    """The dashboard on a terminal against no display."""
    commands = {"none": suite.ours(), "rich": suite.ours(terminal=True)}
    found = suite.compare(
        suite.photos_times(8), suite.mobilenet, "", commands, rounds=suite.rounds_or(7)
    )
    loss = [100 * (1 - one) for one in ratios(found["rich"], found["none"], "steady")]
    more = [100 * (one - 1) for one in ratios(found["rich"], found["none"], "cpu_ms")]
    return [
        judged(
            "the dashboard's cost, MobileNet v2, 2,400 photos", "< 1 % of throughput",
            loss, below(1),
            f"{{}} % of steady images/s; {spread(more)} % more processor time, start included",
        )
    ]  # fmt: skip


def before(suite: Suite) -> list[Line]:
    """Runs against those of the earlier build that `--before` names: nothing may be lost."""
    lines = []
    models = {
        "MobileNet v2 (int8)": (suite.mobilenet, "", 4),
        "ResNet-50": (suite.light("resnet50"), LIKE_PEERS, 1),
        "SqueezeNet": (suite.light("squeezenet"), LIKE_PEERS, 4),
        "EfficientNet-Lite0": (Path(str(with_built(Job(model="imagenet")).model)), "", 2),
    }
    for name, (model, options, times) in models.items():
        commands = {"now": suite.ours(options), "before": suite.ours(options, before=True)}
        found = suite.compare(suite.photos_times(times), model, "", commands)
        lines += [
            judged(
                f"{name}, `run` against the build before: {what}", "≥ 0.99x",
                ratios(found["now"], found["before"], figure), at_least(0.99), "{}x",
            )
            for figure, what in (("steady", "steady"), ("total", "whole run"))
        ]  # fmt: skip
    return lines
