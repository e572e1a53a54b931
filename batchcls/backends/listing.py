"""Has containers listed by a process of its own, which a hostile one may cost its life.

Rules of this file:

1. The process begins with the first container: a run of plain files has none.
2. It writes names and places to files without a name; one line says that they are there. Neither
   side holds more than a block of them.
3. It ends with us (`worker.sandbox`), and at the latest when it is closed.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from batchcls.backends import launch
from batchcls.backends.environment import environment
from batchcls.errors import SourceError
from batchcls.images import Container, ImageRef
from batchcls.job.job import Job
from batchcls.sources import sample as samples
from batchcls.sources.containers.listing import ListerError, cannot_list, tell
from batchcls.sources.containers.places import RECORD
from batchcls.sources.nul_ended import read_names
from batchcls.sources.walk import Notes

MODULE = "batchcls.worker.listing"
DEATH_WAIT_S = 2.0


class ListingProcess:
    """A `sources.containers.listing.Lister`.

    Args:
        names: patterns of names that are images.
        exclude: patterns of others that are left out all the same.
        notes: takes what was left out.
        log: takes what the process says on its standard error, if somebody is to read it.
    """

    def __init__(
        self,
        names: Sequence[str],
        exclude: Sequence[str],
        notes: Notes,
        log: Path | None = None,
    ) -> None:
        self._filters = {"names": list(names), "exclude": list(exclude)}
        self._notes = notes
        self._log = log
        self._child: _Child | None = None

    def members(self, container: Container, number: int) -> Iterator[tuple[bytes, bytes]]:
        """See `sources.containers.listing.Lister`."""
        if self._child is None:
            self._child = _Child(self._filters, self._log)
        child = self._child
        try:
            answer = child.ask({"container": container, "number": number}, container.path)
        except ListerError:
            self.close()
            raise
        if "error" in answer:
            raise SourceError(answer["error"])
        tell(container.path, answer["left_out"], answer["why"], self._notes)
        child.names.seek(0)
        child.places.seek(0)
        count = 0
        for name in read_names(child.names):
            yield name, child.places.read(RECORD.size)
            count += 1
        if count != answer["count"]:
            raise cannot_list(container.path, "what was found in it is not whole")

    def close(self) -> None:
        """See to it that the process is dead."""
        if self._child is not None:
            self._child.close()
            self._child = None


def sample(job: Job, most: int) -> list[ImageRef]:
    """See `sources.sample.sample`; containers are listed by a process of their own here, too."""
    return samples.sample(job, most, ListingProcess)


class _Child:
    """The process, and the files between."""

    def __init__(self, filters: Mapping[str, Any], log: Path | None) -> None:
        with contextlib.ExitStack() as undo:
            try:
                # Beside the list, where there must be room for as much anyway.
                folder = None if log is None else log.parent
                self.names = undo.enter_context(tempfile.TemporaryFile(dir=folder))
                self.places = undo.enter_context(tempfile.TemporaryFile(dir=folder))
                ours, its = socket.socketpair()
                self._socket = undo.enter_context(ours)
                with its, (log or Path(os.devnull)).open("ab") as words:
                    self._popen = self._start(its, words)
            except OSError as error:
                raise ListerError(
                    f"no process can be started to list archives: {error.strerror or error}"
                ) from error
            undo.callback(self._kill)
            self._answers = undo.enter_context(ours.makefile("rb"))
            self._send(filters)
            self.close = undo.pop_all().close

    def ask(self, request: Mapping[str, Any], path: str) -> dict[str, Any]:
        """The answer to a request, waited for as long as the process lives.

        Raises:
            ListerError: it is dead.
        """
        line = b""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._send(request)
            line = self._answers.readline()
        if line.endswith(b"\n"):
            answer: dict[str, Any] = json.loads(line)
            return answer
        code = self._popen.wait(DEATH_WAIT_S)
        how = signal.Signals(-code).name if code < 0 else f"exit status {code}"
        words = f"it ended the process that lists archives ({how})"
        raise ListerError(str(cannot_list(path, words)))

    def _start(self, its: socket.socket, words: IO[bytes]) -> "subprocess.Popen[bytes]":
        descriptors = self.names.fileno(), self.places.fileno()
        return subprocess.Popen(
            launch.command(MODULE, str(os.getpid()), *map(str, descriptors)),
            stdin=its.fileno(),
            stdout=its.fileno(),
            stderr=words,
            # Its memory is bounded by addresses, of which each thread of a library takes 64 MB.
            env={**environment(), "MALLOC_ARENA_MAX": "1"},
            pass_fds=descriptors,
        )

    def _send(self, data: Mapping[str, Any]) -> None:
        self._socket.sendall(json.dumps(data).encode() + b"\n")

    def _kill(self) -> None:
        self._popen.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._popen.wait(DEATH_WAIT_S)
