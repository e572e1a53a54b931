"""Arguments and options that several commands have, besides those of a job."""

from typing import Annotated

import typer

from batchcls.errors import UsageError

Results = Annotated[str, typer.Argument(metavar="RESULTS", help="Results file of the run.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of every error.")]
"""`main` looks for it by itself, so that it counts where the command line makes no sense, too."""
Truth = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help="Classes of the images, as for `evaluate`. Default: the names of their folders.",
    ),
]
Where = Annotated[
    str | None,
    typer.Option(
        metavar="EXPR",
        help="Only these images, for example 'label = cat and score > 0.9', or failed.",
    ),
]


def check_at_least(option: str, value: float, least: int) -> None:
    """Refuse a number that is too small.

    Raises:
        UsageError: it is.
    """
    if value < least:
        raise UsageError(f"{option} {value:g}: must be {least} or more")
