"""What is left of the time that one image may take, and answers that keep to it."""

import io
import socket
import time
from http.client import HTTPResponse

from batchcls.errors import ImageError


class AgainError(Exception):
    """It may go better next time; the message is for when it does not."""


class RefusedError(AgainError):
    """The server is asked too often.

    Args:
        message: as above.
        wait_s: how long to leave it alone.
    """

    def __init__(self, message: str, wait_s: float) -> None:
        super().__init__(message)
        self.wait_s = wait_s


class Patience:
    """So many seconds for one image.

    Attributes:
        words: for an image whose time is over.
        answers: see `Pace.refused`.
    """

    def __init__(self, seconds: float) -> None:
        self.words = f"no answer within {seconds:g} s"
        self.answers: int | None = None
        self._until = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds.

        Raises:
            ImageError: none.
        """
        if (left := self._until - time.monotonic()) <= 0:
            raise ImageError("io_error", self.words)
        return left

    def share(self) -> float:
        """How long to wait for the next bytes, so that there is time left to ask once more.

        Raises:
            ImageError: there is none left.
        """
        left = self.left()
        return max(left / 2, min(left, 1.0))

    def wait(self, seconds: float, why: str) -> None:
        """Wait, if there is time left then.

        Raises:
            ImageError: there is none.
        """
        if seconds <= 0:
            return
        if seconds >= self._until - time.monotonic():
            raise ImageError("io_error", why)
        time.sleep(seconds)

    def add(self, seconds: float) -> None:
        """So much of it was no server's fault."""
        self._until += seconds


class PatientResponse(HTTPResponse):
    """An answer of which every byte comes within an image's time, those of its head too.

    A socket's own time begins again with each byte that comes.
    """

    def __init__(self, patience: Patience, sock: socket.socket, method: str | None = None) -> None:
        super().__init__(sock, method=method)
        self.fp.close()
        self.fp = io.BufferedReader(_Patient(sock, patience))


class _Patient(io.RawIOBase):
    """What comes from a socket; `ImageError` once there is no time left."""

    def __init__(self, sock: socket.socket, patience: Patience) -> None:
        self._sock, self._patience = sock, patience
        # The socket stays open until this is closed, whatever becomes of the connection.
        self._file = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview | bytearray") -> int | None:  # type: ignore[override]
        self._sock.settimeout(self._patience.share())
        return self._file.readinto(buffer)

    def close(self) -> None:
        self._file.close()
        super().close()
