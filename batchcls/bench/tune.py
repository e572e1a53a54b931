"""The story of a tuning: layouts tried on the user's images, fewer and longer each round."""

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from batchcls.backends.allocation import Allocation, decide, device_names
from batchcls.backends.listing import sample
from batchcls.backends.machine import Machine, this_machine
from batchcls.bench import fast
from batchcls.bench.candidates import KEPT, grid, kept, winner
from batchcls.bench.feed import Feed
from batchcls.bench.figures import Fast
from batchcls.bench.measure import MOST_IMAGES
from batchcls.errors import BatchclsError
from batchcls.images import ImageRef
from batchcls.job.job import Job
from batchcls.running.fast_hint import suits

Report = Callable[[str], None]
FIRST_S = 1.2
LONGER = 1.5
LAST_S = 2.0
LAST = 3
"""So few candidates are compared round by round until the time is up."""
ENOUGH_ROUNDS = 3
"""So many last rounds decide alone, without those in which the others dropped out."""


@dataclass(frozen=True, slots=True)
class Raced:
    """Layouts and their rates.

    Attributes:
        rates: of each layout, images per second, a measurement per round that it was in; the last
            one 0.0 where it could not run.
        left: numbers of those that were in to the end, the default (number 0) among them.
        last_rounds: how many at the end had only these.
    """

    rates: tuple[tuple[float, ...], ...]
    left: tuple[int, ...]
    last_rounds: int

    def final(self, number: int) -> tuple[float, ...]:
        """The rates of one of `left` that are compared.

        Those of the last rounds, since what got it there was luck in part; all of its rates where
        the last rounds are too few.
        """
        rates = self.rates[number]
        return rates[-self.last_rounds :] if self.last_rounds >= ENOUGH_ROUNDS else rates

    @property
    def fastest(self) -> int:
        """The number of the one with the highest median."""
        return max(self.left, key=lambda number: statistics.median(self.final(number)))

    @property
    def winner(self) -> int:
        """The number of the one to use: the default unless another one is clearly faster."""
        return self.left[winner([self.final(number) for number in self.left])]


def tune(job: Job, budget_s: float, report: Report = print) -> tuple[Sequence[Allocation], Raced]:
    """Try the layouts worth trying; these, the default first, and how they did.

    Args:
        budget_s: about how long it may take.
        report: called with each rate, as a sentence.

    Raises:
        BatchclsError: the job is wrong.
    """
    machine = this_machine()
    default = decide(job, machine)
    layouts = grid(default, machine, accelerated=_accelerated(job, machine))
    end = time.monotonic() + budget_s
    images = sample(job, MOST_IMAGES)
    with tempfile.TemporaryDirectory(prefix="batchcls-tune-") as folder:
        left_s = end - time.monotonic()
        return layouts, race(job, layouts, images, Path(folder) / "log", left_s, report)


def try_fast(job: Job, layout: Allocation, report: Report, command: str) -> Fast | None:
    """What `--fast` would give in this layout; None where a run could not have it.

    Args:
        report: called with what is being measured.
        command: the run with it, as it is typed.

    Raises:
        BatchclsError: the job is wrong.
    """
    if not suits(job):
        return None
    report("what `--fast` would give")
    images = sample(job, MOST_IMAGES)
    with tempfile.TemporaryDirectory(prefix="batchcls-tune-") as folder:
        return fast.measure(job, layout, images, Path(folder) / "log", LAST_S, command)


def race(
    job: Job,
    layouts: Sequence[Allocation],
    images: Sequence[ImageRef],
    log: Path,
    budget_s: float,
    report: Report = print,
    *,
    keep: float = KEPT,
    last: int = LAST,
) -> Raced:
    """Measure layouts in turn, round by round, fewer and longer each round.

    Interleaved, so that what else the machine does falls on all of them alike.

    Args:
        layouts: the default first; it never drops out.
        budget_s: about how long it may take; every layout is measured once whatever it is.
        report: called with each rate, as a sentence.
        keep: the share of the others that goes on to the next round.
        last: from so few on nothing drops out.

    Raises:
        BatchclsError: the job is wrong.
    """
    end = time.monotonic() + budget_s
    rates: list[list[float]] = [[] for _ in layouts]
    left = list(range(len(layouts)))
    seconds, last_rounds = FIRST_S, 0
    while True:
        begun = time.monotonic()
        measured = len(left)
        for number in left:
            rates[number].append(_rate(job, layouts[number], images, log, seconds))
            report(f"{render_allocation(layouts[number])}: {rates[number][-1]:.1f} images/s")
        left = [n for n in left if rates[n][-1] > 0]
        took = time.monotonic() - begun
        if measured <= last:
            last_rounds += 1
        else:
            left = [left[n] for n in kept([rates[n] for n in left], keep, last)]
            seconds *= LONGER
            took *= LONGER * len(left) / measured
        if len(left) < 2 or time.monotonic() + took > end:
            return Raced(tuple(map(tuple, rates)), tuple(left), last_rounds)


def _rate(
    job: Job, layout: Allocation, images: Sequence[ImageRef], log: Path, seconds: float
) -> float:
    try:
        with closing(Feed(job, layout, images, log)) as feed:
            return feed.measure(0.5, seconds).fps
    except BatchclsError:
        if layout.batch_size == job.batch_size:
            raise
        return 0.0  # a model that refuses this batch size


def _accelerated(job: Job, machine: Machine) -> bool:
    return bool(device_names(job.device) & machine.accelerators)


def render_allocation(layout: Allocation) -> str:
    """A layout in a line."""
    return (
        f"workers {layout.workers}, nthreads {layout.nthreads}, nstreams {layout.nstreams or '-'}, "
        f"nireq {layout.nireq}, decode threads {layout.decode_threads}, batch {layout.batch_size}"
        + (
            ""
            if layout.pin == (layout.workers == 1)
            else f", pinning {'on' if layout.pin else 'off'}"
        )
    )
