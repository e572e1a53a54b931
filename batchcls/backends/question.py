"""One question to a process of its own: a request in, an answer out, both JSON.

For what must happen before a run in neither the coordinator, which loads no native code, nor a
worker, which is there for the images.

Rules of this file:

1. Request and answer are files without a name, so neither side ever waits for the other.
2. What the process says on its standard error goes to the run's log.
3. It ends with us (`worker.sandbox`), and at the latest when it is closed.
"""

import contextlib
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

from batchcls.backends import launch
from batchcls.backends.environment import environment
from batchcls.errors import StoppedError, raised_elsewhere

DEATH_WAIT_S = 2.0
STEP_S = 0.1


class Question:
    """A process at work on one request.

    Args:
        module: its `find` takes the request and gives the answer.
        request: JSON data.
        log: takes its standard error.

    Raises:
        OSError: there can be no further process, or no temporary file.
    """

    def __init__(self, module: str, request: Mapping[str, Any], log: IO[bytes]) -> None:
        self._module = module
        self._answers = tempfile.TemporaryFile()  # noqa: SIM115 - `close` closes it
        try:
            with tempfile.TemporaryFile() as asked:
                asked.write(json.dumps(request).encode())
                asked.seek(0)
                self._popen = subprocess.Popen(
                    launch.command("batchcls.worker.questions", str(os.getpid()), module),
                    stdin=asked,
                    stdout=self._answers,
                    stderr=log,
                    env=environment(),
                )
        except OSError:
            self._answers.close()
            raise

    @property
    def answered(self) -> bool:
        """The process has ended, with an answer or without."""
        return self._popen.poll() is not None

    def answer(self) -> dict[str, Any]:
        """What it answered, once it has.

        Raises:
            BatchclsError: the job is wrong, it says.
            StoppedError: it died, or was not waited for.
        """
        self._answers.seek(0)
        try:
            found: dict[str, Any] = json.loads(self._answers.read())
        except ValueError as error:
            raise StoppedError(
                f"{self._module} ended without an answer (exit status {self._popen.returncode}); "
                "the log may say more"
            ) from error
        if "error" in found:
            raise raised_elsewhere(found["error"], found["message"])
        return found

    def close(self) -> None:
        """See to it that the process is dead."""
        if self._popen.poll() is None:
            self._popen.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._popen.wait(DEATH_WAIT_S)
        self._answers.close()


def answer_to(
    module: str,
    request: Mapping[str, Any],
    log_file: Path,
    waiting: Callable[[], None],
    timeout_s: float,
) -> dict[str, Any]:
    """Ask a process of its own, while no worker is there.

    Args:
        module: see `Question`.
        log_file: takes what the process prints.
        waiting: called several times a second.
        timeout_s: to wait at most.

    Raises:
        InterruptedByUser: `waiting` says that a signal came.
        BatchclsError: the process says that the job is wrong, died, or gave no answer in time.
        OSError: there can be no process.
    """
    until = time.monotonic() + timeout_s
    with log_file.open("ab") as words:
        question = Question(module, request, words)
        try:
            while not question.answered:
                waiting()
                if time.monotonic() > until:
                    raise StoppedError(f"no answer in {timeout_s:g} s")
                time.sleep(STEP_S)
            return question.answer()
        finally:
            question.close()
