"""All layouts worth a name on a machine: what the default is held against. Pure."""

from dataclasses import replace
from itertools import product

from batchcls.backends.allocation import Allocation
from batchcls.backends.machine import Machine


def full_grid(default: Allocation, machine: Machine) -> tuple[Allocation, ...]:
    """Worker processes x streams x threads x nireq x decode threads x batch x pinning.

    Args:
        default: first, whatever it is.
        machine: its cores are shared out among the workers.

    Returns:
        Each once; several workers that pin their threads are there once, as the known trap.
    """
    cores = machine.cores
    found = [default]
    for workers in sorted({1, max(1, cores // 2), cores}):
        share = max(1, cores // workers)
        for streams, decode_threads, pin in product(
            sorted({1, share}), range(min(2, share) + 1), (True, False)
        ):
            if pin and workers > 1:
                continue
            plain = Allocation(
                workers=workers, nthreads=share, nstreams=str(streams), pin=pin,
                nireq=2 * streams, batch_size=1, decode_threads=decode_threads,
            )  # fmt: skip
            found += [plain, replace(plain, nireq=4 * streams), replace(plain, batch_size=4)]
            if workers > 1:  # in one process, known to halve the rate
                found.append(replace(plain, nireq=streams))
            if plain.alternate:
                found += [replace(plain, nireq=nireq) for nireq in (8, 16, 32)]
    hinted = Allocation(1, 0, "", pin=True, nireq=2 * cores, batch_size=1, decode_threads=1)
    found += [hinted, replace(hinted, decode_threads=0)]
    found.append(replace(default, workers=cores, nthreads=1, nstreams="1", pin=True, nireq=2))
    return tuple(dict.fromkeys(found))
