"""The ``batchcls`` command: its commands, and what a command line makes of them."""

import difflib
import sys
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from typing import Annotated

import typer
from typer._click.exceptions import UsageError as Misuse  # typer itself exports only a subclass
from typer.main import get_command

from batchcls.cli import legacy
from batchcls.cli.exits import report
from batchcls.cli.help import Command, usage
from batchcls.cli.run import option_names
from batchcls.cli.terminal import close_quietly, print_note, print_result
from batchcls.errors import UsageError
from batchcls.version import __version__

COMMANDS = (
    "run",
    "demo",
    "embed",
    "similar",
    "devices",
    "inspect",
    "export-model",
    "quantize",
    "teach",
    "status",
    "watch",
    "verify",
    "merge",
    "evaluate",
    "export",
    "report",
    "review",
    "bench",
    "tune",
)


def command(name: str) -> Callable[..., int]:
    """A command: the function in the module of its name; typer reads its parameters and docstring.

    Imported where it is named: all of them would delay the first image by 10 ms.
    """
    word = name.replace("-", "_")
    found: Callable[..., int] = getattr(import_module(f"batchcls.cli.{word}"), word)
    return found


def _print_version(given: bool) -> None:
    if given:
        print_result(f"batchcls {__version__}")
        raise typer.Exit


def top(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Label a directory of images overnight: one line per image, whatever happens."""


def program(commands: Iterable[str]) -> typer.Typer:
    """The program with some of its `COMMANDS`."""
    app = typer.Typer(
        name="batchcls",
        epilog="`batchcls IMAGES` is short for `batchcls run IMAGES`.",
        rich_markup_mode=None,  # see `help`
        pretty_exceptions_enable=False,
        add_completion=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )
    app.callback()(top)
    for name in commands:
        app.command(name, cls=Command)(command(name))
    return app


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out a command line.

    Args:
        arguments: without the program's name; None takes the process's.

    Returns:
        The exit code. A run that a signal stopped ends by that signal instead.
    """
    typed = sys.argv[1:] if arguments is None else list(arguments)
    words = legacy.rewrite(typed, COMMANDS, option_names())
    return report(lambda: _carry_out(words), debug="--debug" in typed)


def _carry_out(words: list[str]) -> int:
    """Let typer parse the words and call the command they name.

    Not by calling the app: typer would then answer Ctrl-C and a closed pipe in its own way, which
    differs from version to version.

    Raises:
        BatchclsError: the words make no sense, or the command failed.
    """
    first = words[0]
    if first not in COMMANDS and not first.startswith("-"):
        raise UsageError(_unknown(first))
    # A command is registered alone where it is named: typer needs 7 ms to read all of them.
    app = program([first] if first in COMMANDS else COMMANDS)
    try:
        with get_command(app).make_context("batchcls", words) as context:
            return int(context.command.invoke(context))
    except typer.Exit as done:  # --help or --version
        return done.exit_code
    except BrokenPipeError:  # nobody reads the help to its end (`| head -1`): no error
        close_quietly(sys.stdout)
        return 0
    except Misuse as error:
        from batchcls.cli.misuse import message_of  # a mistake may take its time

        if error.ctx is not None:
            print_note(usage(error.ctx))
        raise UsageError(message_of(error)) from error


def _unknown(word: str) -> str:
    near = difflib.get_close_matches(word, COMMANDS, n=1)
    advice = f"did you mean {near[0]}?" if near else "`batchcls --help` lists the commands"
    return f"{word}: no such command, and no such file or directory; {advice}"
