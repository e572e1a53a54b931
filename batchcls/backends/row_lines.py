"""Has a process of its own make lines of kept features; what it sends is lines, nothing else."""

import contextlib
import json
import os
import select
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from batchcls.backends import launch
from batchcls.backends.deadlines import LOADING_LIMIT_S
from batchcls.backends.environment import environment
from batchcls.errors import StoppedError, raised_elsewhere
from batchcls.results.record import MAX_LINE

MODULE = "batchcls.worker.row_lines"
DEATH_WAIT_S = 2.0
BLOCK = 1 << 18


class RowLines:
    """The process. It ends with us (`worker.sandbox`), and at the latest when it is closed.

    Args:
        request: see `batchcls.worker.row_lines`.
        log: takes what it says on its standard error.

    Raises:
        StoppedError: there can be no further process.
    """

    def __init__(self, request: Mapping[str, Any], log: Path) -> None:
        try:
            with tempfile.TemporaryFile() as asked, log.open("ab") as words:
                asked.write(json.dumps(request).encode())
                asked.seek(0)
                self._popen = subprocess.Popen(
                    launch.command(MODULE, str(os.getpid())),
                    stdin=asked,
                    stdout=subprocess.PIPE,
                    stderr=words,
                    env=environment(),
                    bufsize=0,
                )
        except OSError as error:
            raise StoppedError(f"no process can be started: {error.strerror or error}") from error

    def lines(self) -> Iterator[bytes]:
        """What it sends, line by line.

        Raises:
            BatchclsError: what it says is wrong.
            StoppedError: it is dead before its time, or silent for too long.
        """
        rest = b""
        while block := self._block():
            *lines, rest = (rest + block).split(b"\n")
            for line in lines:
                if line.startswith(b'{"error":'):
                    said = json.loads(line)
                    raise raised_elsewhere(said["error"], said["message"])
                yield line
            if len(rest) > MAX_LINE:
                break
        raise StoppedError(
            "the process that labels from features has ended; the log may say why, and the same "
            "command resumes"
        )

    def _block(self) -> bytes:
        out = self._popen.stdout
        until = time.monotonic() + LOADING_LIMIT_S
        while out is not None and (left := until - time.monotonic()) > 0:
            if select.select([out], [], [], left)[0]:
                return os.read(out.fileno(), BLOCK)
        raise StoppedError("the process that labels from features does not answer")

    def close(self) -> None:
        """See to it that the process is dead."""
        self._popen.kill()
        if self._popen.stdout is not None:
            self._popen.stdout.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._popen.wait(DEATH_WAIT_S)
