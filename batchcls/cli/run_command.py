"""``batchcls run``: its signature made of `OPTIONS`, its arguments made into a `Job`."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

import typer

from batchcls import jobfile
from batchcls.cli.action import Action
from batchcls.cli.options import IMAGES, OPTIONS
from batchcls.errors import UsageError
from batchcls.job import Job

SOURCES = "Directories, image files, @list.txt, - for a list on standard input; or a job file."
_BY_POSITION = inspect.Parameter.POSITIONAL_OR_KEYWORD
_BY_NAME = inspect.Parameter.KEYWORD_ONLY


def option_names() -> list[str]:
    """The long spellings that ``run`` knows, without their dashes."""
    switches = [o.name for o in OPTIONS if not o.show]
    return ["input", "job", *(o.name for o in OPTIONS), *(f"no-{name}" for name in switches)]


def run_command(context: typer.Context, **_options: Any) -> Action:
    """Label images: every image gets one line of the results file, in order.

    Started again after whatever stopped it, the same command goes on where it was. The spellings
    of OpenVINO's classification sample and benchmark_app work too: -nt, -ni, -pc, -pp, -nireq, …
    """
    given = {key: value for key, value in context.params.items() if value not in (None, [], ())}
    job = job_of(given)
    return Action(lambda: _run(job), debug=job.debug)


def job_of(given: Mapping[str, Any]) -> Job:
    """The job that command-line values mean, job file included.

    Args:
        given: parameters of the command that were given, by name.

    Raises:
        UsageError: they make no sense.
    """
    flags = {key: tuple(v) if isinstance(v, list) else v for key, v in given.items()}
    sources = flags.pop("sources", ()) + flags.pop("input", ())
    files = [source for source in sources if _is_job_file(source)]
    files += [flags.pop("job")] if "job" in flags else []
    if len(files) > 1:
        raise UsageError(f"two job files, {files[0]} and {files[1]}: only one can be the job")
    images = tuple(source for source in sources if source not in files)
    if images:
        flags["sources"] = images
    return jobfile.merge(jobfile.load(files[0]) if files else {}, flags)


def _is_job_file(source: str) -> bool:
    return source.endswith(".toml") and not Path(source).is_dir()


def _run(job: Job) -> int:
    from batchcls.run import run

    code: int = run(job).exit_code
    return code


def with_options(command: Callable[..., Action]) -> Callable[..., Action]:
    """Give `run_command` the parameters that typer reads, made from `OPTIONS` and `Job`."""
    kinds = {field.name: field.type for field in fields(Job)}
    context = inspect.Parameter("context", _BY_POSITION, annotation=typer.Context)
    job_file = "TOML job file with these options; the command line wins over it."
    parameters = [
        context,
        _keyword("sources", typer.Argument(None, **_told("SOURCE", SOURCES)), list[str]),
        _option("input", list[str], "--input", short="-i", **_told("SOURCE...", "More sources.")),
        _option("job", str, "--job", **_told("FILE", job_file)),
    ]
    for option in OPTIONS:
        long = f"--{option.name}" if option.show else f"--{option.name}/--no-{option.name}"
        told = _told(option.show, option.text, option.section)
        kind = _single(kinds[option.field])
        parameters.append(_option(option.field, kind, long, short=option.short, **told))
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # honoured
    command.__annotations__ = {p.name: p.annotation for p in parameters}
    return command


def _told(show: str, text: str, section: str = IMAGES) -> dict[str, Any]:
    """What the help shows of a parameter."""
    return {
        "metavar": show or None, "help": text, "rich_help_panel": section, "show_default": False,
    }  # fmt: skip


def _option(name: str, kind: Any, long: str, *, short: str = "", **told: Any) -> inspect.Parameter:
    names = (short, long) if short else (long,)
    return _keyword(name, typer.Option(None, *names, **told), kind)


def _keyword(name: str, default: Any, kind: Any) -> inspect.Parameter:
    """A parameter that is None where it was not given."""
    return inspect.Parameter(name, _BY_NAME, default=default, annotation=kind | None)


def _single(kind: Any) -> Any:
    """The type of a field of `Job` as an option's: tuples are repeatable, None is "not given"."""
    parts = get_args(kind) or (kind,)
    return list[str] if Ellipsis in parts else parts[0]
