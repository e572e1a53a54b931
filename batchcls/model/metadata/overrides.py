"""Preprocessing by hand: the job's options as settings. Pure."""

from batchcls.errors import UsageError
from batchcls.job.job import Job
from batchcls.model.preprocess.settings import Settings


def settings(job: Job) -> Settings:
    """What the command line or the job file says.

    Raises:
        UsageError: a layout that lacks a letter or has one twice; `Job.check` has seen the rest.
    """
    height, width = size(job.input_size) or (None, None)
    return Settings(
        height=height,
        width=width,
        resize_type=job.resize_type,
        crop_pct=job.crop_fraction,
        interpolation=job.interpolation,
        pad_value=_whole(job.pad_value),
        reverse_input_channels=job.reverse_input_channels,
        mean_values=_numbers(job.mean_values),
        scale_values=_numbers(job.scale_values),
        layout=_layout(job.layout),
        multilabel=job.multilabel,
        threshold=job.threshold,
    )


def size(text: str | None) -> tuple[int, int] | None:
    """(height, width) of "260" or "48x192"."""
    if text is None:
        return None
    height, _, width = text.partition("x")
    return int(height), int(width or height)


def _numbers(text: str | None) -> tuple[float, ...] | None:
    """Read "[1,2,3]", "1,2,3", "1 2 3", or benchmark_app's "input[1,2,3]"; "" means none."""
    if text is None:
        return None
    inner = text.rpartition("[")[2].rstrip("] ")
    return tuple(float(part) for part in inner.replace(",", " ").split())


def _whole(text: str | None) -> tuple[int, ...] | None:
    numbers = _numbers(text)
    return None if numbers is None else tuple(map(int, numbers))


def _layout(text: str | None) -> str | None:
    """Read "NCHW", or benchmark_app's "input[NCHW]" and "[NCHW]"."""
    if text is None:
        return None
    name = text.rpartition("[")[2].rstrip("] ").upper()
    if sorted(name) not in (sorted("NCHW"), sorted("CHW")):
        raise UsageError(f"--layout {text}: expected NCHW, NHWC, CHW or HWC")
    return name
