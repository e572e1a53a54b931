"""Preprocessing by hand: the job's options as settings. Pure."""

from batchcls.errors import UsageError
from batchcls.job.job import Job
from batchcls.model.preprocess.settings import Settings


def settings(job: Job) -> Settings:
    """What the command line or the job file says.

    Raises:
        UsageError: a value that cannot be read.
    """
    return Settings(
        resize_type=job.resize_type,
        interpolation=job.interpolation,
        reverse_input_channels=job.reverse_input_channels,
        mean_values=_numbers("--mean-values", job.mean_values),
        scale_values=_numbers("--scale-values", job.scale_values),
        layout=_layout(job.layout),
    )


def _numbers(option: str, text: str | None) -> tuple[float, ...] | None:
    """Read "[1,2,3]", "1,2,3", "1 2 3", or benchmark_app's "input[1,2,3]"; "" means none."""
    if text is None:
        return None
    inner = text.rpartition("[")[2].rstrip("] ")
    try:
        return tuple(float(part) for part in inner.replace(",", " ").split())
    except ValueError as error:
        raise UsageError(
            f"{option} {text}: wanted are numbers, like [123.7,116.3,103.5]"
        ) from error


def _layout(text: str | None) -> str | None:
    """Read "NCHW", or benchmark_app's "input[NCHW]" and "[NCHW]"."""
    if text is None:
        return None
    name = text.rpartition("[")[2].rstrip("] ").upper()
    if sorted(name) not in (sorted("NCHW"), sorted("CHW")):
        raise UsageError(f"--layout {text}: wanted is NCHW, NHWC, CHW or HWC")
    return name
