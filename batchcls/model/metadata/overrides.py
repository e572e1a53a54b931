"""Preprocessing by hand: the job's options as settings. Pure."""

from batchcls.errors import UsageError
from batchcls.job.job import Job
from batchcls.model.preprocess.settings import Settings


def settings(job: Job) -> Settings:
    """What the command line or the job file says.

    Raises:
        UsageError: a layout that lacks a letter or has one twice; `Job.check` has seen the rest.
    """
    return Settings(
        resize_type=job.resize_type,
        interpolation=job.interpolation,
        reverse_input_channels=job.reverse_input_channels,
        mean_values=_numbers(job.mean_values),
        scale_values=_numbers(job.scale_values),
        layout=_layout(job.layout),
    )


def _numbers(text: str | None) -> tuple[float, ...] | None:
    """Read "[1,2,3]", "1,2,3", "1 2 3", or benchmark_app's "input[1,2,3]"; "" means none."""
    if text is None:
        return None
    inner = text.rpartition("[")[2].rstrip("] ")
    return tuple(float(part) for part in inner.replace(",", " ").split())


def _layout(text: str | None) -> str | None:
    """Read "NCHW", or benchmark_app's "input[NCHW]" and "[NCHW]"."""
    if text is None:
        return None
    name = text.rpartition("[")[2].rstrip("] ").upper()
    if sorted(name) not in (sorted("NCHW"), sorted("CHW")):
        raise UsageError(f"--layout {text}: expected NCHW, NHWC, CHW or HWC")
    return name
