"""What is left of the time that one image may take."""

import time

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
    """

    def __init__(self, seconds: float) -> None:
        self.words = f"no answer within {seconds:g} s"
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
