"""The same model for a first look: computed in less than f32, and with nothing else changed."""

from dataclasses import replace

from batchcls.job.job import Job


def first_look(job: Job, precision: str) -> Job:
    """A job whose model is computed in this precision."""
    return replace(job, infer_precision=precision)
