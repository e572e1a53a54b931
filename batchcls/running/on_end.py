"""Tells a command of the user's how a run ended: once, after everything else, whatever came of it.

Rules of this file:

1. Nothing that the command does changes what came of the run: its failure is a warning.
2. It has a bound on its time, and a signal in the meantime ends it.
3. A job that is refused before anything was started is told to the terminal alone.
"""

import json
import os
import shlex
import sys
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from batchcls.backends import command
from batchcls.backends.process import cause_of_death
from batchcls.backends.process_group import exits, reap
from batchcls.display.screens.stream import QuietStream
from batchcls.display.summary.summary import Summary
from batchcls.display.text import safe
from batchcls.errors import BatchclsError, InterruptedByUser, UsageError
from batchcls.running.presenter import Presenter
from batchcls.running.signals import stop_requests

if TYPE_CHECKING:
    from batchcls.running.result import RunResult

LIMIT_S = 60.0
DEATH_WAIT_S = 2.0
EXIT_CODE = "BATCHCLS_EXIT_CODE"


class OnEnd:
    """The end of one run, and who is told of it.

    Args:
        line: the command, as for a shell, which it never sees.
        results: of the run, as the user named them.

    Raises:
        UsageError: there is no such program.
    """

    def __init__(self, line: str, results: str) -> None:
        program, *rest = shlex.split(line)
        self._arguments = [os.path.expanduser(program), *rest]  # noqa: PTH111 - "./" stays
        self._results = results
        self._presenter: Presenter | None = None
        if not command.is_there(self._arguments[0]):
            raise UsageError(f"--on-end {line}: there is no program {self._arguments[0]}")

    def begins(self, presenter: Presenter) -> None:
        """Tell of the run's end from here on: its workers are started."""
        self._presenter = presenter

    def after(self, run: Callable[[], "RunResult"]) -> "RunResult":
        """Do a run, and tell what came of it; the same is returned, or raised."""
        try:
            result = run()
        except BaseException as error:
            if self._presenter is not None:
                self._tell(self._stopped(str(error)), exit_code(error))
            raise
        self._tell(self._summary or self._complete(result), result.exit_code)
        return result

    @property
    def _summary(self) -> Mapping[str, Any] | None:
        return self._presenter.summary if self._presenter is not None else None

    def _stopped(self, reason: str) -> Mapping[str, Any]:
        return self._summary or Summary("stopped", reason, self._results).as_dict()

    def _complete(self, result: "RunResult") -> Mapping[str, Any]:
        return Summary(
            reason="nothing new to label", results=self._results, total=result.images,
            done=result.images, ok=result.ok, failed=result.failed,
            failed_by_kind=result.failed_by_kind, resumed=result.resumed,
        ).as_dict()  # fmt: skip

    def _tell(self, summary: Mapping[str, Any], code: int) -> None:
        text = json.dumps({"exit_code": code, **summary}) + "\n"
        try:
            wrong = _done(self._arguments, text.encode(), {EXIT_CODE: str(code)})
        except OSError as error:
            wrong = error.strerror or str(error)
        if wrong and sys.stderr is not None:
            told = f"--on-end {self._arguments[0]}: {wrong}"  # what follows may hold a secret
            QuietStream(sys.stderr).write(f"batchcls: warning: {safe(told)}\n")


def exit_code(error: BaseException) -> int:
    """With which exit code an error ends the program."""
    if isinstance(error, BatchclsError):
        return error.exit_code
    return 130 if isinstance(error, KeyboardInterrupt) else 1


def _done(arguments: list[str], text: bytes, more: Mapping[str, str]) -> str:
    """Run a command to its end; what was wrong with it, "" if nothing was.

    Raises:
        OSError: it cannot be started.
    """
    with stop_requests() as requests:
        leader = command.start(arguments, text, more)
        wrong = ""
        try:
            requests.at_once = True
            requests.check()  # of signals that came while it was started
            if not exits(leader, time.monotonic() + LIMIT_S):
                wrong = f"killed after {LIMIT_S:g} s"
        except InterruptedByUser:
            wrong = "killed by another signal to the run"
        finally:
            requests.at_once = False
            reap(leader, DEATH_WAIT_S)
    return wrong or (cause_of_death(leader.returncode) if leader.returncode else "")
