"""How the command ends: whatever goes wrong becomes a message for people, and an exit code."""

import os
import signal
import sys
import traceback
from collections.abc import Callable

from batchcls.cli.terminal import print_note
from batchcls.errors import BatchclsError, InterruptedByUser


def report(do: Callable[[], int], *, debug: bool) -> int:
    """Do something that returns an exit code; where it fails, print why, and return that error's.

    What a signal stopped ends by that signal instead, so that shells and schedulers see what
    happened.

    Args:
        debug: show the traceback of every error.
    """
    try:
        return do()
    except InterruptedByUser as stop:
        print_error(stop, debug=debug)
        return _die_by(stop.signal_number)
    except BatchclsError as error:
        print_error(error, debug=debug)
        return error.exit_code
    except KeyboardInterrupt as error:
        print_error(error, "interrupted", debug=debug)
        return _die_by(signal.SIGINT)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print_error(error, f"{where}{error.strerror or error}", debug=debug)
        return 1


def print_error(error: BaseException, message: str = "", *, debug: bool) -> None:
    """One clear message on standard error, after the traceback if that is asked for.

    Args:
        message: for people, where the error's own is not.
    """
    if debug:
        print_note("".join(traceback.format_exception(error)).rstrip("\n"))
    print_note(f"batchcls: error: {message or error}")


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
