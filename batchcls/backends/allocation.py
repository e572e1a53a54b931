"""Decides how a machine is divided: worker processes, and what each of them gets. Pure.

The trap behind the numbers (openvino#31186, #32444): with threads limited and pinning on, every
OpenVINO process binds itself to the same cores, and throughput halves. So CPU pinning is off as
soon as there are several workers, and the cores are shared out among them.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from batchcls.backends.machine import Machine
from batchcls.job.job import Job
from batchcls.job.threads import Threads
from batchcls.wire.start import StartMessage

MICRO_BATCH = 64
"""Requests at most where decoding and inference take turns on a core (`worker.micro_batch`). They
cost next to nothing until an image is in them, and only as many as a turn has are ever used."""

MOST_WORKERS = 8
"""Processes by default on a large machine; beyond it, each gets several cores instead."""


FAIR_SHARE = 0.75
"""Of the machine's memory, for all workers together, where the job sets them no limit."""


def fair_share(memory: int, workers: int) -> int:
    """Bytes that one of so many workers may take."""
    return int(FAIR_SHARE * memory) // workers


@dataclass(frozen=True, slots=True)
class Allocation:
    """How the work is spread over the machine.

    Attributes:
        workers: processes.
        nthreads: of each worker; this and the next four are those of `Threads`.
        nstreams: streams per device.
        pin: whether OpenVINO binds its threads to cores.
        nireq: infer requests per device.
        batch_size: images in an infer request.
        decode_threads: threads that decode, in each worker; 0 = between inferences.
    """

    workers: int
    nthreads: int
    nstreams: str
    pin: bool
    nireq: int
    batch_size: int
    decode_threads: int

    @property
    def alternate(self) -> bool:
        """Decoding and inference take turns in each worker: it has one thread for both."""
        return self.nthreads == 1 and not self.decode_threads

    def start_message(self, job: Job) -> StartMessage:
        """What each worker gets first."""
        threads = Threads(self.nthreads, self.nstreams, self.pin, self.nireq, self.batch_size)
        return StartMessage(job, threads, self.decode_threads, self.alternate, workers=self.workers)


def device_names(devices: Sequence[str]) -> frozenset[str]:
    """The hardware named in device strings, without numbers and without HETERO and the like."""
    names = set()
    for device in devices:
        _, _, members = device.upper().rpartition(":")
        names |= {re.sub(r"[.(].*", "", member.strip()) for member in members.split(",")}
    return frozenset(name for name in names if name)


def decide(job: Job, machine: Machine) -> Allocation:
    """Divide a machine: by the job's own numbers, and by good ones where it has none.

    Args:
        job: its devices and its numbers; 0 (or -1) leaves a number to us.
        machine: cores and accelerators.
    """
    accelerated = bool(device_names(job.device) & machine.accelerators)
    if job.workers:
        workers = job.workers
    elif accelerated:
        workers = 1  # two processes on one GPU are slower than one (openvino#20826)
    else:
        workers = min(machine.cores, MOST_WORKERS)
    share = max(1, machine.cores // workers)
    alone = workers == 1
    # OpenVINO chooses well where the processors that it counts are those that there are.
    by_openvino = alone and not machine.quota
    nthreads = job.nthreads or (0 if by_openvino and share > 1 else share)
    nstreams = job.nstreams or ("" if alone or job.hint else str(nthreads))
    if job.decode_threads >= 0:
        decode_threads = job.decode_threads
    else:
        decode_threads = max(1, share - 1) if share > 1 or accelerated else 0
    if accelerated:
        nireq = 0
    elif nthreads == 1 and not decode_threads:
        nireq = max(1, MICRO_BATCH // job.batch_size)
    else:
        # More requests than streams: results are awaited in order, and a stream whose image is not
        # the oldest must not wait for it. As many as streams measured slower.
        nireq = 2 * (machine.cores if alone else nthreads)
    return Allocation(
        workers=workers,
        nthreads=nthreads,
        nstreams=nstreams,
        pin=by_openvino,
        nireq=job.nireq or nireq,
        batch_size=job.batch_size,
        decode_threads=decode_threads,
    )
