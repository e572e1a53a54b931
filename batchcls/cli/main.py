"""The ``batchcls`` command: parses, acts, and turns what happens into messages and exit codes."""

import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import typer

from batchcls.cli import commands, legacy
from batchcls.cli.action import Action
from batchcls.cli.run_command import option_names
from batchcls.cli.terminal import complain
from batchcls.errors import BatchclsError, InterruptedByUser, UsageError

T = TypeVar("T")

# Where typer keeps click's exceptions differs from version to version. BadParameter is public in
# all of them; the first of its ancestors that has a message for people is what all others share.
_Misuse: Any = next(c for c in reversed(typer.BadParameter.__mro__) if hasattr(c, "format_message"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out a command line.

    Args:
        arguments: without the program's name; None takes the process's.

    Returns:
        The exit code. A run that a signal stopped ends by that signal instead, so that shells and
        schedulers see what happened.
    """
    typed = sys.argv[1:] if arguments is None else list(arguments)
    debug = "--debug" in typed
    words = legacy.rewrite(typed, commands.names(), option_names())
    parsed = report(lambda: _parse(words), debug=debug)
    if isinstance(parsed, int):  # it was wrong; or --help and --version have done their work
        return parsed
    return report(parsed.do, debug=debug or parsed.debug)


def report(do: Callable[[], T], *, debug: bool) -> T | int:
    """Do something; what goes wrong becomes a message for people, and its exit code."""
    try:
        return do()
    except InterruptedByUser as stop:
        _tell(stop, debug)
        return _die_by(stop.signal_number)
    except BatchclsError as error:
        _tell(error, debug)
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort) as error:
        _tell(error, debug, "interrupted")
        return _die_by(signal.SIGINT)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        _tell(error, debug, f"{where}{error.strerror or error}")
        return 1


def _parse(words: list[str]) -> Action | int:
    """What a command line asks for, or the exit code where typer has done it already.

    Raises:
        BatchclsError: it makes no sense; the usage has been shown.
    """
    try:
        if words[0] not in commands.names() and not words[0].startswith("-"):
            raise UsageError(f"{words[0]}: no such command, and no such file or directory")
        parsed = commands.program(words[0])(args=words, prog_name="batchcls", standalone_mode=False)
    except UsageError:
        complain(_usage(words))
        raise
    except _Misuse as error:
        complain(_usage(words))
        raise UsageError(error.format_message()) from error
    return parsed if isinstance(parsed, Action) else int(parsed or 0)


def _usage(words: list[str]) -> str:
    """The form of the command that was meant, and how to learn more."""
    if words[0] not in commands.names():
        return "Usage: batchcls COMMAND ...\nTry 'batchcls --help'."
    form = commands.USAGE.get(words[0], "[OPTIONS]")
    return f"Usage: batchcls {words[0]} {form}\nTry 'batchcls {words[0]} --help'."


def _tell(error: BaseException, debug: bool, message: str | None = None) -> None:
    """One clear message on standard error, behind the traceback where that is wanted."""
    if debug:
        complain("".join(traceback.format_exception(error)).rstrip("\n"))
    complain(f"batchcls: error: {message or error}")


def _die_by(number: int) -> int:
    """End this process by a signal, as if it had never been caught.

    A shell script stops at Ctrl-C only where its command died by SIGINT, not where it returned 130.
    """
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and not stream.closed:
            stream.flush()
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    return 128 + number  # only where the signal is blocked
