"""The story of a tuning: layouts tried on the user's images, fewer and longer each round."""

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from batchcls.bench.candidates import grid, kept, winner
from batchcls.bench.measure import Sample, sample
from batchcls.bench.whole import Feed
from batchcls.errors import BatchclsError
from batchcls.job import Job
from batchcls.layout import Layout, decide, device_names
from batchcls.machine import Machine, this_machine

Tell = Callable[[str], None]
FIRST_S = 2.0
LAST = 3
"""So few candidates are compared round by round until the time is up."""


@dataclass(frozen=True, slots=True)
class Tried:
    """A layout and its rates.

    Attributes:
        layout: what was tried.
        fps: images per second, a measurement per round.
    """

    layout: Layout
    fps: tuple[float, ...]


def tune(job: Job, budget_s: float, tell: Tell = print) -> tuple[list[Tried], int]:
    """Try layouts; all that were tried, and the number of the winner.

    Interleaved: each round measures every layout that is left once, so that what else the machine
    does falls on all of them alike.

    Args:
        job: model, devices, sources.
        budget_s: about how long it may take.
        tell: told each rate.

    Raises:
        BatchclsError: the job is wrong.
    """
    machine = this_machine()
    default = decide(job, machine)
    layouts = grid(default, machine, accelerated=_accelerated(job, machine))
    end = time.monotonic() + budget_s
    rates: list[list[float]] = [[] for _ in layouts]
    left = list(range(len(layouts)))
    seconds = FIRST_S
    with tempfile.TemporaryDirectory(prefix="batchcls-tune-") as folder:
        images = sample(job, Path(folder))
        while True:
            begun = time.monotonic()
            for number in left:
                rates[number].append(
                    _rate(job, layouts[number], images, Path(folder) / "log", seconds)
                )
                tell(f"{words(layouts[number])}: {rates[number][-1]:.1f} images/s")
            left = [n for n in left if rates[n][-1] > 0]
            if len(left) > LAST:
                left = [left[n] for n in kept([rates[n] for n in left])]
                seconds *= 1.5
            if len(left) < 2 or time.monotonic() + (time.monotonic() - begun) > end:
                break
    finalists = [rates[n] for n in left]
    best = left[winner(finalists)]
    tried = [Tried(layout, tuple(rate)) for layout, rate in zip(layouts, rates, strict=True)]
    return tried, best


def _rate(job: Job, layout: Layout, images: Sample, log: Path, seconds: float) -> float:
    try:
        with Feed(job, layout, images.root, images.paths, log) as feed:
            return feed.measure(0.5, seconds).fps
    except BatchclsError:
        if layout.batch_size == job.batch_size:
            raise
        return 0.0  # a model that refuses this batch size


def _accelerated(job: Job, machine: Machine) -> bool:
    return bool(device_names(job.device) & machine.accelerators)


def words(layout: Layout) -> str:
    """A layout in a line."""
    return (
        f"workers {layout.workers}, nthreads {layout.nthreads}, nstreams {layout.nstreams or '-'}, "
        f"nireq {layout.nireq}, decode threads {layout.decode_threads}, batch {layout.batch_size}"
    )
