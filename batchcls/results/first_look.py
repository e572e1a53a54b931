"""The model of a first look (`--fast`) in a run's folder; it goes with its plan to other runs."""

from collections.abc import Mapping
from typing import Any

from batchcls.errors import RefusedError
from batchcls.job.fast_plan import FastPlan
from batchcls.results.disk_errors import guard
from batchcls.results.rundir import RunPaths
from batchcls.results.storage import Storage, copy_file

SETTING = "fast"
"""Of a manifest's settings: the plan."""


def plan_of(settings: Mapping[str, Any], results: str) -> FastPlan | None:
    """The plan in a manifest's settings; None where the run was begun without `--fast`.

    Args:
        results: whose they are, for the message.

    Raises:
        RefusedError: it is of another shape.
    """
    kept = settings.get(SETTING)
    try:
        return None if kept is None else FastPlan.from_dict(kept)
    except (TypeError, ValueError) as error:
        raise RefusedError(
            f"{results}: another version of batchcls made its plan for `--fast` ({error})"
        ) from None


def take_over(plan: FastPlan, theirs: RunPaths, ours: RunPaths, storage: Storage) -> bool:
    """Copy the plan's model, if it has one, from another run; whether it is there now.

    It appears whole, and stays so: workers check its hash.

    Raises:
        RefusedError: a folder cannot be read or written.
        StoppedError: the disk is full or fails.
    """
    if not plan.model:
        return True
    source, place = (plan.model_in(paths.directory).parent for paths in (theirs, ours))
    with guard(place):
        if storage.stat(place) is not None:
            return True
        aside = place.with_name(place.name + ".copy")  # of a copy that was killed, perhaps
        names = storage.listdir(source)
        if not names:
            return False
        storage.mkdir(aside)
        for name in names:
            copy_file(storage, source / name, aside / name)
        storage.fsync_dir(aside)
        storage.rename(aside, place)
        storage.fsync_dir(ours.directory)
    return True
