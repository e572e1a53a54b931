"""What reading one image over a network may take: how long, and how much memory."""

from collections.abc import Callable
from dataclasses import dataclass

PATIENCE_S = 30.0


class NotNowError(Exception):
    """An image is larger than those that are read side by side; it is read again, by itself.

    Only `Allowance.room` raises it, and only where somebody waits for it: readers let it pass.
    """


def _at_once(_count: int) -> float:
    """Where images are read one by one, none waits for another's room."""
    return 0.0


@dataclass(frozen=True, slots=True)
class Allowance:
    """The bounds of a read of an image that is far away.

    Attributes:
        patience_s: seconds until it fails (`io_error`), with all its tries, and all the waiting
            that a server asks for.
        room: to be called, by the thread that reads, before so many bytes more of it are kept. It
            may wait for others to be used up, and returns for how many seconds it did: no server
            is to blame for those.
    """

    patience_s: float = PATIENCE_S
    room: Callable[[int], float] = _at_once
