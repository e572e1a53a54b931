"""How many images were answered in a time, and what they cost. Pure.

Workers report many images at once, at the end of a round of inference, which may be half a second
away from the last: what they report is spread over the time since (`answered`), or a short
measurement would count a round too many or too few.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

TOGETHER_S = 0.03
"""Reports of a worker so soon after one are of the same round."""


@dataclass(frozen=True, slots=True)
class Rate:
    """One measurement.

    Attributes:
        images: answered in the time; parts of them where a report came after its end.
        worker_s: processor seconds of the workers.
        beside_s: of those, what the threads took that do not infer: of each worker all but the
            busiest `nthreads` beside its main thread. Known in a layout without decode threads and
            with a number of inference threads; 0.0 in others.
        coordinator_s: processor seconds of this process.
    """

    images: float
    seconds: float
    worker_s: float
    beside_s: float
    coordinator_s: float

    @property
    def fps(self) -> float:
        """Images per second."""
        return self.images / self.seconds


class Report(NamedTuple):
    """A worker's message with answers: when it came, whose it is, how many they are."""

    at: float
    worker: int
    images: int


def answered(reports: Iterable[Report], begun: float, ended: float) -> float:
    """How many images were answered between two moments.

    Args:
        reports: in order of time, from before `begun` to after `ended`. A worker's answers are
            spread evenly over the time since its round before; those of its first do not count.
        begun: in the reports' time.
        ended: see `begun`.
    """
    images = 0.0
    last: dict[int, float] = {}
    for one in _rounds(reports):
        since = last.get(one.worker, one.at)
        inside = min(one.at, ended) - max(since, begun)
        if inside > 0:
            images += one.images * inside / (one.at - since)
        last[one.worker] = one.at
    return images


def _rounds(reports: Iterable[Report]) -> list[Report]:
    """Reports of a worker right behind each other as one: they are of the same round."""
    found: list[Report] = []
    places: dict[int, tuple[float, int]] = {}  # worker → its round's first report, and where it is
    for report in reports:
        first, place = places.get(report.worker, (-math.inf, 0))
        if report.at - first <= TOGETHER_S:
            found[place] = report._replace(images=report.images + found[place].images)
        else:
            places[report.worker] = report.at, len(found)
            found.append(report)
    return found


def spent(pid: int, before: Mapping[int, float], after: Mapping[int, float]) -> list[float]:
    """Processor seconds by thread, the main thread's first, the others' from the most down.

    Args:
        pid: of the process, which is its main thread's number too.
        before: thread → seconds so far, see `thread_seconds`.
        after: the same, later.
    """
    took = {thread: value - before.get(thread, 0.0) for thread, value in after.items()}
    return [took.pop(pid, 0.0), *sorted(took.values(), reverse=True)]


def beside(used: Sequence[float], nthreads: int) -> float:
    """What of `spent` is left without the threads that infer."""
    return used[0] + sum(used[1 + nthreads :])
