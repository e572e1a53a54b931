"""What an exported model carries in itself, so that a job with it is asked for less.

Apart from `export`, which workers under `--fast` need not wait for.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

from batchcls.job.job import Job

_CARRIED = (
    "score_output",
    "labels",
    "activation",
    "multilabel",
    "threshold",
    "preprocess",
    "mean_values",
    "scale_values",
    "reverse_input_channels",
    "resize_type",
    "input_size",
    "crop_fraction",
    "pad_value",
    "interpolation",
    "layout",
)
"""Options of a job that an exported model has in itself."""


def of_export(job: Job, model: Path) -> Job:
    """The same job with an exported model, without the options that the model carries itself."""
    left_out: dict[str, Any] = dict.fromkeys(_CARRIED)
    return replace(job, model=str(model), **left_out)
