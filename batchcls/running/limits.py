"""Decides the numbers that the coordinator of a run decides by."""

from batchcls.backends.allocation import fair_share
from batchcls.coordinator.policy import Policy
from batchcls.job.job import Job

MB = 1_000_000


def policy(job: Job, workers: int, memory: int) -> Policy:
    """The coordinator's numbers for a job.

    Native runtimes have been seen to grow without end (openvino#31188). Where the job sets workers
    no limit, one that has grown past its share of the machine's memory is replaced all the same.

    Args:
        job: may set limits of its own.
        workers: how many share the memory.
        memory: bytes that the machine has for them; 0 = unknown.
    """
    share = fair_share(memory, workers)
    return Policy(tolerant=job.max_failed is not None, max_rss=job.worker_memory * MB or share)
