"""Which layouts `tune` tries, and which of them go on to the next round. Pure."""

import statistics
from collections.abc import Sequence
from dataclasses import replace

from batchcls.backends.allocation import MICRO_BATCH, Allocation
from batchcls.backends.machine import Machine

KEPT = 0.5
CLOSE = 0.03
"""Within this share of the best, the default stays: a difference that small is noise."""


def grid(
    default: Allocation, machine: Machine, *, accelerated: bool = False
) -> tuple[Allocation, ...]:
    """Layouts worth trying, the default first, each once.

    Args:
        default: what `backends.allocation.decide` chose; its batch size and pinning are the start.
        machine: cores.
        accelerated: the devices are not the CPU: one process, and decode threads to feed it.
    """
    cores = machine.cores
    found = [default]
    one = replace(default, workers=1, nthreads=0, nstreams="", pin=True, nireq=0)
    for threads in sorted({1, max(1, cores // 2), cores}):
        found.append(replace(one, decode_threads=threads))
        found.append(replace(one, decode_threads=threads, nireq=2 * cores))
    found.append(replace(one, decode_threads=1, nireq=2 * cores, batch_size=4))
    if not accelerated and cores > 1:
        each = replace(
            default, workers=cores, nthreads=1, nstreams="1", pin=False, nireq=MICRO_BATCH,
            decode_threads=0,
        )  # fmt: skip
        found += [
            each,
            replace(each, nireq=MICRO_BATCH // 4),
            replace(each, nireq=2, decode_threads=1),
        ]
        found.append(replace(each, nireq=2, batch_size=8))
        if cores >= 4:
            half = cores // 2
            wide = replace(each, workers=half, nthreads=2, nstreams="2", nireq=4, decode_threads=1)
            found += [wide, replace(wide, nstreams="1", nireq=2)]
    return tuple(dict.fromkeys(found))


def kept(rates: Sequence[Sequence[float]], share: float = KEPT, last: int = 0) -> list[int]:
    """Which candidates go on: the default (number 0) and the better part of the others.

    Args:
        rates: images per second of each candidate, a measurement per round.
        share: of the others, that goes on.
        last: so many go on at least, the default counted, as long as one drops out.
    """
    middle = [statistics.median(one) for one in rates]
    others = sorted(range(1, len(rates)), key=lambda n: -middle[n])
    if not others:
        return [0]
    most = max(1, len(others) - 1)
    return [0, *sorted(others[: min(most, max(1, int(len(others) * share), last - 1))])]


def winner(rates: Sequence[Sequence[float]]) -> int:
    """The best candidate by its median; the default (number 0) where none is clearly better."""
    middle = [statistics.median(one) for one in rates]
    best = max(range(len(rates)), key=lambda n: middle[n])
    return 0 if middle[0] >= (1 - CLOSE) * middle[best] else best
