"""The commands, as typer sees them: arguments and help, each returning the `Action` it asks for."""

import sys
from typing import Annotated

import typer

from batchcls.cli.action import Action
from batchcls.cli.help import Sectioned
from batchcls.cli.run_command import run_command, with_options
from batchcls.job import DEFAULT_OUTPUT
from batchcls.version import __version__

_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}

app = typer.Typer(
    name="batchcls",
    help="Label a directory of images overnight: one line per image, whatever happens.",
    epilog="`batchcls IMAGES` is short for `batchcls run IMAGES`.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    no_args_is_help=False,
    context_settings=_CONTEXT,
)

Results = Annotated[str, typer.Argument(metavar="[RESULTS]", help="The results file of the run.")]
Debug = Annotated[bool, typer.Option("--debug", help="Tracebacks for everything.")]
AsJson = Annotated[bool, typer.Option("--json", help="For machines.")]


def names() -> list[str]:
    """The commands there are."""
    return [str(info.name) for info in app.registered_commands]


def _version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"batchcls {__version__}\n")
        raise typer.Exit


@app.callback()
def top(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version.")
    ] = False,
) -> None:
    """Options of the program itself."""


app.command("run", cls=Sectioned, context_settings=_CONTEXT)(with_options(run_command))


@app.command("status", context_settings=_CONTEXT)
def status_command(results: Results = DEFAULT_OUTPUT, debug: Debug = False) -> Action:
    """Say how far a run is: running, stopped or complete."""

    def do() -> int:
        from batchcls.display.watch import status

        return status(results, sys.stdout)

    return Action(do, debug)


@app.command("watch", context_settings=_CONTEXT)
def watch_command(results: Results = DEFAULT_OUTPUT, debug: Debug = False) -> Action:
    """Show the dashboard of a run that another terminal or machine started."""

    def do() -> int:
        from batchcls.display.watch import watch

        return watch(results, sys.stdout)

    return Action(do, debug)
