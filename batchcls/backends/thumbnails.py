"""Has thumbnails made by a process of its own, which a hostile picture may cost its life.

Rules of this file:

1. The process begins with the first image, and again after its death, but not without end.
2. What it sends is bytes with a length cap; numbers and words in it are checked. What it sends
   unasked is no answer to the next request.
3. It dies with the thread that began it (`worker.sandbox`), so one thread is there for nothing
   else: those that answer a browser come and go.
4. It ends with us, and at the latest when it is closed.
"""

import contextlib
import json
import os
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from batchcls.backends import launch
from batchcls.backends.environment import environment
from batchcls.images import FAILURE_KINDS, ImageRef
from batchcls.report.pictures import NOTHING, Thumbnail
from batchcls.wire import leased

MODULE = "batchcls.worker.thumbnails"
DEATH_WAIT_S = 2.0
LATEST_S = 30.0
"""Seconds an image may take; a dead mount takes for ever."""
MOST_DEATHS = 20
MOST_LINE = 4096
MOST_BYTES = 1 << 20


class ThumbnailProcess:
    """A `report.pictures.Thumbnailer`. Not to be used by two threads at once.

    Args:
        log: takes what the process says on its standard error; None = nobody.
    """

    def __init__(self, log: Path | None = None) -> None:
        self._log = log
        self._thread = ThreadPoolExecutor(1, "thumbnails")
        self._child: _Child | None = None
        self._deaths = 0

    def of(self, image: ImageRef, edge: int, most: int) -> Thumbnail:
        """See `report.pictures.Thumbnailer`."""
        return self._thread.submit(self._of, image, edge, most).result()

    def _of(self, image: ImageRef, edge: int, most: int) -> Thumbnail:
        if self._deaths >= MOST_DEATHS:
            return NOTHING
        request = leased.to_json([image]) | {"edge": edge, "bytes": most}
        try:
            if self._child is not None and not self._child.waits():
                self._end()
            if self._child is None:
                self._child = _Child(self._log)
            found = self._child.ask(request)
        except Exception:  # noqa: BLE001  # dead, too late, or lying, for which there are many ways
            self._end()
            self._deaths += 1
            return NOTHING
        self._deaths = 0
        return found

    def close(self) -> None:
        """See to it that the process is dead."""
        self._thread.shutdown(wait=False, cancel_futures=True)
        self._end()

    def _end(self) -> None:
        if self._child is not None:
            self._child.close()
            self._child = None


class _Child:
    """The process, and the socket between."""

    def __init__(self, log: Path | None) -> None:
        ours, its = socket.socketpair()
        with its, contextlib.ExitStack() as undo:
            undo.enter_context(ours)
            words: Any = subprocess.DEVNULL if log is None else undo.enter_context(log.open("ab"))
            self._popen = subprocess.Popen(
                launch.command(MODULE, str(os.getpid())),
                stdin=its.fileno(),
                stdout=its.fileno(),
                stderr=words,
                env=environment(),
            )
            undo.callback(self._kill)
            self._socket = ours
            self._rest = b""
            self.close = undo.pop_all().close

    def waits(self) -> bool:
        """It lives, and has sent nothing that it was not asked for."""
        self._socket.setblocking(False)
        try:
            self._socket.recv(1)
        except BlockingIOError:
            return not self._rest
        except OSError:
            pass
        return False

    def ask(self, request: dict[str, Any]) -> Thumbnail:
        """The answer to a request.

        Raises:
            OSError: it is dead, or too slow.
            ValueError: it answers nonsense.
        """
        until = time.monotonic() + LATEST_S
        self._socket.settimeout(LATEST_S)
        self._socket.sendall(json.dumps(request).encode() + b"\n")
        while b"\n" not in self._rest:
            if len(self._rest) > MOST_LINE:
                raise ValueError("a line without end")
            self._receive(until)
        line, _, self._rest = self._rest.partition(b"\n")
        if len(line) > MOST_LINE:
            raise ValueError("a line that is too long")
        facts = json.loads(line)
        size = int(facts["size"])
        if not 0 <= size <= MOST_BYTES:
            raise ValueError("a thumbnail of impossible size")
        while len(self._rest) < size:
            self._receive(until)
        data, self._rest = self._rest[:size], self._rest[size:]
        if not data:
            kind = facts["kind"]
            return Thumbnail(kind=kind if kind in FAILURE_KINDS else "corrupt")
        if not data.startswith(b"\xff\xd8\xff"):
            raise ValueError("no JPEG")
        return Thumbnail(data, int(facts["width"]), int(facts["height"]), int(facts["hash"], 16))

    def _receive(self, until: float) -> None:
        left = until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._socket.settimeout(left)
        block = self._socket.recv(1 << 16)
        if not block:
            raise ConnectionResetError
        self._rest += block

    def _kill(self) -> None:
        self._popen.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._popen.wait(DEATH_WAIT_S)
