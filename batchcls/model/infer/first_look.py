"""The model of a first look: the job's own, computed in less than f32, or its INT8 counterpart."""

from dataclasses import replace
from pathlib import Path

from batchcls.errors import ModelError
from batchcls.job.fast_plan import FastPlan
from batchcls.job.job import Job
from batchcls.model.devices import cpu
from batchcls.model.exported import of_export
from batchcls.model.files.find import model_hash


def first_look(job: Job, plan: FastPlan, model: str) -> Job:
    """A job whose model is that of the first look.

    Args:
        model: path of the plan's own model, if it has one.

    Raises:
        ModelError: that is gone, or is not what the plan was made with.
    """
    if not plan.model:
        return replace(job, infer_precision=plan.first)
    path = Path(model)
    if not path.is_file() or model_hash(path) != plan.model:
        raise ModelError(
            f"{model}, the INT8 model of the first look of `--fast`, is missing or was changed; "
            "put it back, or start over with `--fresh`"
        )
    # Where sums of its products overflow, it is computed as it is written.
    int8 = "fast" if cpu.has("vnni") else None
    return replace(of_export(job, path), activation=job.activation, int8=int8)
