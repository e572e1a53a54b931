"""``batchcls run``: a command line becomes a job, and the job a run."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from batchcls.cli.exits import report
from batchcls.cli.help import usage
from batchcls.cli.job_options import IMAGES, RUNNING, with_job_options
from batchcls.cli.options import OPTIONS
from batchcls.cli.terminal import print_note
from batchcls.errors import UsageError
from batchcls.job import file
from batchcls.job.job import Job

Sources = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="SOURCE...",
        help="Directories, image files, s3://BUCKET/PREFIX, @list.txt, or - for a list on standard "
        "input; or a job file.",
    ),
]
MoreSources = Annotated[
    list[str] | None,
    typer.Option(
        "-i", "--input", metavar="SOURCE...", help="More sources.", rich_help_panel=IMAGES
    ),
]
JobFile = Annotated[
    str | None,
    typer.Option(
        "--job",
        metavar="FILE",
        help="TOML job file with these options; the command line takes precedence.",
        rich_help_panel=IMAGES,
    ),
]
Detach = Annotated[
    bool,
    typer.Option(
        "--detach",
        help="Leave this terminal once the run has started.",
        rich_help_panel=RUNNING,
    ),
]


@with_job_options(OPTIONS)
def run(
    context: typer.Context,
    sources: Sources = None,
    more_sources: MoreSources = None,
    job_file: JobFile = None,
    detach: Detach = False,
    *,
    options: Mapping[str, Any],
) -> int:
    """Label images: one line each in the results file, in order.

    Whatever stops it, the same command resumes where it was. The spellings of OpenVINO's
    classification sample and of benchmark_app work too: -nt, -ni, -pc, -pp, -nireq, …
    """
    named = [*(sources or ()), *(more_sources or ())]
    if not (named or job_file):
        print_note(usage(context))
    job = requested_job(named, job_file, options)
    # A job file may want tracebacks, too, so errors from here on are reported here.
    if detach:
        from batchcls.cli.detach import start_detached

        return report(lambda: start_detached(job), debug=job.debug)
    return report(lambda: run_job(job), debug=job.debug)


def option_names() -> list[str]:
    """The long spellings that ``run`` knows, without their dashes."""
    switches = [o.name for o in OPTIONS if not o.show]
    names = [o.name for o in OPTIONS]
    return ["input", "job", "detach", *names, *(f"no-{name}" for name in switches)]


def requested_job(sources: Sequence[str], job_file: str | None, options: Mapping[str, Any]) -> Job:
    """The job that a command line means, job file included.

    Args:
        sources: as typed; one may be a job file.
        options: those that were given, by field of `Job`.

    Raises:
        UsageError: they make no sense.
    """
    files = [source for source in sources if is_job_file(source)]
    files += [job_file] if job_file is not None else []
    if len(files) > 1:
        raise UsageError(f"two job files, {files[0]} and {files[1]}; name only one")
    images = [source for source in sources if source not in files]
    given = {**options, "sources": images} if images else options
    return file.merge(file.load(files[0]) if files else {}, given)


def is_job_file(source: str) -> bool:
    """Whether a source on the command line is a job file instead."""
    return source.endswith(".toml") and not Path(source).is_dir()


def run_job(job: Job) -> int:
    """Run a job; returns its exit code.

    Raises:
        BatchclsError: it is wrong, or stopped early.
    """
    from batchcls.running.run import run as run_to_its_end

    return run_to_its_end(job).exit_code
