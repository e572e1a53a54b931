"""Gives a command options of a job: the one place where a signature is made, not written.

Eight commands share the options of `OPTIONS`, and ``run`` has all of them. As plain parameters
(``nireq: Nireq = None``) they would be 176 lines that say nothing of their own, and as many again
to gather them into a job; an option left out of one command by mistake would look like one left
out on purpose. So a command writes down the parameters that are its own, plainly, and takes those
of the job together, as ``options``; typer is shown a signature that has each of them in its place.
"""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import cache, wraps
from typing import Annotated, Any, get_args

import typer

from batchcls.job.choices import key
from batchcls.job.job import Job

IMAGES = "Images"
MODEL = "Model"
SPEED = "Devices and speed"
PREPROCESSING = "Preprocessing (default: what the model's own files say)"
RESULTS = "Results"
RUNNING = "While it runs"
FAST = ("fast", "fast_agreement", "fast_plan", "yes")
"""Fields that only a run has a use for: the others measure what they would give."""


@dataclass(frozen=True, slots=True)
class Option:
    """How the command line sets one field of `batchcls.job.job.Job`.

    Attributes:
        field: of the job; its key in a job file is the long option.
        show: stands for the value in the help; empty for switches.
        short: a one-letter spelling.
    """

    field: str
    section: str
    text: str
    show: str = ""
    short: str = ""

    @property
    def name(self) -> str:
        """The long spelling, without its dashes."""
        return key(self.field)


_TYPES = {field.name: field.type for field in fields(Job)}


def with_job_options(
    options: Sequence[Option],
) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """A decorator for a command of the form ``command(its own parameters, *, options)``.

    The command is called with those options that were given, by field of `Job`: what was not
    given must not override a job file.

    Args:
        options: which options of a job the command has.
    """

    def decorate(command: Callable[..., int]) -> Callable[..., int]:
        own = inspect.signature(command).parameters.values()
        shared = [_parameter(option) for option in options]

        @wraps(command)
        def typed(**values: Any) -> int:
            of_job = {option.field: values.pop(option.field) for option in options}
            return command(**values, options=only_given(of_job))

        signature = inspect.Signature([*(p for p in own if p.name != "options"), *shared])
        typed.__signature__ = signature  # type: ignore[attr-defined]  # typer reads it
        return typed

    return decorate


def only_given(values: dict[str, Any]) -> dict[str, Any]:
    """Those parameters that were given on the command line."""
    return {name: value for name, value in values.items() if value not in (None, [], ())}


@cache  # commands share them
def _parameter(option: Option) -> inspect.Parameter:
    """An option as typer reads it; None where it is not given, whatever its default is."""
    long = f"--{option.name}" if option.show else f"--{option.name}/--no-{option.name}"
    declared = typer.Option(
        *filter(None, (option.short, long)),
        metavar=option.show or None,
        help=option.text,
        rich_help_panel=option.section,
    )
    return inspect.Parameter(
        option.field,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[_single(_TYPES[option.field]) | None, declared],
    )


def _single(kind: Any) -> Any:
    """The type of a field of `Job` as an option's: tuples are repeatable, None is "not given"."""
    parts = get_args(kind) or (kind,)
    return list[str] if Ellipsis in parts else parts[0]
