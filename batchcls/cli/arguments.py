"""Arguments and options that several commands have, besides those of a job."""

from typing import Annotated

import typer

Results = Annotated[str, typer.Argument(metavar="RESULTS", help="The results file of the run.")]
AsJson = Annotated[bool, typer.Option("--json", help="For machines.")]
Debug = Annotated[bool, typer.Option("--debug", help="Tracebacks for everything.")]
"""`main` looks for it by itself, so that it counts where the command line makes no sense, too."""
