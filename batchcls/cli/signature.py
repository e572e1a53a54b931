"""Gives commands the parameters that typer reads, made from `OPTIONS` and the types of `Job`."""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any, get_args

import typer

from batchcls.cli.action import Action
from batchcls.cli.options import Option
from batchcls.job.job import Job

_CONTEXT = inspect.Parameter(
    "context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context
)


def with_options(
    *first: inspect.Parameter, options: Sequence[Option]
) -> Callable[[Callable[..., Action]], Callable[..., Action]]:
    """A decorator for a command of the form ``command(context, **_)``.

    Args:
        first: parameters of the command's own, from `argument` and `option`.
        options: those of `OPTIONS` that it has.
    """
    kinds = {field.name: field.type for field in fields(Job)}
    parameters = [_CONTEXT, *first]
    for each in options:
        long = f"--{each.name}" if each.show else f"--{each.name}/--no-{each.name}"
        parameters.append(
            option(
                each.field,
                _single(kinds[each.field]),
                *filter(None, (each.short, long)),
                show=each.show,
                text=each.text,
                section=each.section,
            )
        )

    def decorate(command: Callable[..., Action]) -> Callable[..., Action]:
        command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # read by typer
        command.__annotations__ = {p.name: p.annotation for p in parameters}
        return command

    return decorate


def given(context: typer.Context) -> dict[str, Any]:
    """The parameters that were given on the command line, by name."""
    return {key: value for key, value in context.params.items() if value not in (None, [], ())}


def argument(name: str, kind: Any, *, show: str, text: str) -> inspect.Parameter:
    """A positional parameter that is None where it was not given."""
    return _keyword(name, typer.Argument(None, metavar=show, help=text, show_default=False), kind)


def option(
    name: str, kind: Any, *spellings: str, show: str, text: str, section: str
) -> inspect.Parameter:
    """An option that is None where it was not given.

    Args:
        name: of the parameter.
        kind: its type; a list is a repeatable option.
        spellings: with their dashes.
        show: stands for the value in the help.
        text: what the help says.
        section: heading in the help.
    """
    told = typer.Option(
        None,
        *spellings,
        metavar=show or None,
        help=text,
        rich_help_panel=section,
        show_default=False,
    )
    return _keyword(name, told, kind)


def _keyword(name: str, default: Any, kind: Any) -> inspect.Parameter:
    by_name = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(name, by_name, default=default, annotation=kind | None)


def _single(kind: Any) -> Any:
    """The type of a field of `Job` as an option's: tuples are repeatable, None is "not given"."""
    parts = get_args(kind) or (kind,)
    return list[str] if Ellipsis in parts else parts[0]
