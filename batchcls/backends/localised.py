"""Brings a job onto this machine: fetches model and datasets, or has the ImageNet model built.

Once, and in the process that the user started: what workers get is a local path. Building needs
OpenVINO, which that process never loads, so another one does it.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from batchcls.errors import BatchclsError, ModelError, raised_elsewhere
from batchcls.job.job import Job
from batchcls.model.files import hub, imagenet

BUILT_IN_S = 120.0
"""Seconds that building may take; it takes one."""


def localised(job: Job, places: Callable[[], Iterable[str]] = tuple) -> Job:
    """The job with the path of its model, whatever name that has, and folders for datasets.

    Args:
        places: of the sources of the run that is to be resumed, if there is one.

    Raises:
        ModelError: the model is not there, or cannot be fetched or built.
        SourceError: the same of a dataset.
        SetupError: a library or package that they need is not installed.
    """
    if any(source.startswith("hf://") for source in job.sources):
        from batchcls.backends import hub_datasets  # rare, and workers start without

        before = tuple(places())
        sources = (
            str(hub_datasets.fetched_for(source, before) or hub_datasets.fetch(source))
            if hub_datasets.is_reference(source)
            else source
            for source in job.sources
        )
        job = replace(job, sources=tuple(sources))
    if job.model is not None and hub.is_reference(job.model):
        return replace(job, model=str(hub.fetch(job.model)))
    return with_built(job)


def with_built(job: Job) -> Job:
    """The same, without asking the hub: for commands that take local models only.

    Raises:
        ModelError: the model cannot be built.
        SetupError: the package of its weights is not installed.
    """
    if job.model != imagenet.NAME:
        return job
    folder = imagenet.folder()
    return replace(job, model=str(imagenet.whole(folder) or _build(folder)))


def _build(folder: Path) -> Path:
    """Have the IR built aside; it appears whole, and the first of several who do so has it."""
    import shutil
    import tempfile

    checkpoint = imagenet.checkpoint()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(folder, ignore_errors=True)  # half of it is gone, or it was not asked for
        aside = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{imagenet.NAME}-"))
    except OSError as error:
        raise ModelError(f"cannot write {folder}: {error.strerror}") from error
    try:
        _run(checkpoint, aside)
        try:
            aside.rename(folder)
        except OSError as error:
            if imagenet.whole(folder) is None:
                raise ModelError(f"cannot write {folder}: {error.strerror}") from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    found = imagenet.whole(folder)
    if found is None:
        raise ModelError(f"{folder} was removed while {imagenet.NAME} was built; try again")
    return found


def _run(checkpoint: Path, folder: Path) -> None:
    import json
    import subprocess

    from batchcls.backends import launch
    from batchcls.backends.environment import environment

    command = launch.command("batchcls.model.imagenet.build", str(checkpoint), str(folder))
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=BUILT_IN_S,
            stdin=subprocess.DEVNULL, env=environment(),
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BatchclsError(f"the model {imagenet.NAME} could not be built: {error}") from error
    if done.returncode == 0:
        return
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        last = done.stderr.strip().splitlines()[-1:] or [f"exit status {done.returncode}"]
        raise BatchclsError(f"the model {imagenet.NAME} could not be built: {last[0]}") from None
    raise raised_elsewhere(answer["error"], answer["message"])
