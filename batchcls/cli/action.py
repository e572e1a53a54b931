"""What a parsed command line asks for, to be done after typer has left the stage."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Action:
    """A command, ready to be carried out.

    Commands return one instead of acting, so that errors, signals and closed pipes meet `main`
    and not typer, which has its own ideas of them, different from version to version.

    Attributes:
        do: carries it out, returns the exit code.
        debug: tracebacks for everything.
    """

    do: Callable[[], int]
    debug: bool = False
