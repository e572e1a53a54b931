"""Asks everyone who may know what a model wants, most trusted first, and keeps who said what.

Order: the job (command line), the model's own rt_info, the JSON files beside it, the conventions
of its format, a preset named by the job, and the old sample's default with a warning.
"""

from dataclasses import dataclass
from pathlib import Path

from openvino import Model

from batchcls.job import Job
from batchcls.model import given, model_info
from batchcls.model.settings import Settings, merge

COMMAND_LINE = "the command line"
RT_INFO = "rt_info model_info"
OWN_RT_INFO = "rt_info batchcls"


@dataclass(frozen=True, slots=True)
class Known:
    """All that is known about a model before its shapes are looked at.

    Attributes:
        settings: merged.
        origins: key of settings → who said it.
        warnings: for people.
    """

    settings: Settings
    origins: dict[str, str]
    warnings: tuple[str, ...]


def gather(job: Job, model: Model, path: Path) -> Known:
    """What is known about a model.

    Args:
        job: its options win.
        model: as read.
        path: the file it was read from.

    Raises:
        ModelError: metadata that make no sense, or of another kind of model.
        LabelsError: labels that the metadata name cannot be read.
        UsageError: an option of the job makes no sense.
    """
    sources = [
        (COMMAND_LINE, given.settings(job)),
        (OWN_RT_INFO, model_info.own_settings(model)),
        (RT_INFO, model_info.settings(model, path.parent)),
    ]
    settings, origins = merge(sources)
    warnings = []
    if not any(origin != COMMAND_LINE for origin in origins.values()) and not settings.mean_values:
        warnings.append(
            "the model says nothing about its preprocessing: images are stretched, BGR, not "
            "normalised, as OpenVINO's sample does. That is a guess, and often costs accuracy; "
            "`batchcls inspect MODEL --probe DIR` finds out what fits"
        )
    return Known(settings, origins, tuple(warnings))
