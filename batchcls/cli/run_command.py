"""``batchcls run``: what was typed, made into a job, and the job done."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from batchcls.cli.options import OPTIONS
from batchcls.errors import UsageError
from batchcls.job import file
from batchcls.job.job import Job


def option_names() -> list[str]:
    """The long spellings that ``run`` knows, without their dashes."""
    switches = [o.name for o in OPTIONS if not o.show]
    return [
        "input",
        "job",
        "detach",
        *(o.name for o in OPTIONS),
        *(f"no-{name}" for name in switches),
    ]


def job_of(given: Mapping[str, Any]) -> Job:
    """The job that command-line values mean, job file included.

    Args:
        given: the values that were given, by parameter.

    Raises:
        UsageError: they make no sense.
    """
    flags = {key: tuple(v) if isinstance(v, list) else v for key, v in given.items()}
    sources = flags.pop("sources", ()) + flags.pop("input", ())
    files = [source for source in sources if is_job_file(source)]
    files += [flags.pop("job")] if "job" in flags else []
    if len(files) > 1:
        raise UsageError(f"two job files, {files[0]} and {files[1]}: only one can be the job")
    images = tuple(source for source in sources if source not in files)
    if images:
        flags["sources"] = images
    return file.merge(file.load(files[0]) if files else {}, flags)


def is_job_file(source: str) -> bool:
    """Whether a source on the command line is a job file instead."""
    return source.endswith(".toml") and not Path(source).is_dir()


def do(job: Job) -> int:
    """Run a job; returns its exit code.

    Raises:
        BatchclsError: it is wrong, or stopped early.
    """
    from batchcls.running.run import run

    code: int = run(job).exit_code
    return code
