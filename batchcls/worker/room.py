"""Bounds the bytes that images take between the network and the decoder."""

import threading
import time
from dataclasses import dataclass

from batchcls.errors import ImageError
from batchcls.sources.allowance import NotNowError

BUDGET = 64 << 20
SHARE = 4
"""Images that have room side by side, however large they are; one that is larger goes alone."""


@dataclass(slots=True)
class _Share:
    """What a thread's image takes so far, and how long it had to wait for it."""

    alone: bool
    count: int = 0
    waited_s: float = 0.0
    since: float | None = None


class Room:
    """Bytes of images that are being read by threads, and of those that wait for the decoder.

    Nobody waits in vain: once the decoder has used up all that is read, the thread that began first
    goes on, whatever it needs. As that one may be waiting for a slow server, the first of those
    that wait for room goes on too, up to twice the limit.

    Args:
        limit: of all together, but for one image that goes alone, whatever its size.
    """

    def __init__(self, limit: int = BUDGET) -> None:
        self._limit = limit
        self._shares: dict[int, _Share] = {}  # by thread, in the order in which they began
        self._kept = 0
        self._freed = threading.Condition()

    @property
    def taken(self) -> int:
        """Bytes."""
        return self._kept + sum(one.count for one in self._shares.values() if not one.alone)

    def waited(self, thread: int) -> float:
        """For how many seconds a thread has had to wait with its image."""
        share = self._shares[thread]
        since = share.since
        return share.waited_s + (0.0 if since is None else time.monotonic() - since)

    def begin(self, *, alone: bool) -> None:
        """This thread begins to read an image; one at a time may be `alone`, and needs no room."""
        with self._freed:
            self._shares[threading.get_ident()] = _Share(alone)

    def take(self, count: int) -> float:
        """This thread is about to keep so many bytes more of its image; see `Allowance.room`.

        Raises:
            ImageError: nobody waits for this image any more.
            NotNowError: the image has to go alone.
        """
        me = threading.get_ident()
        with self._freed:
            if (share := self._shares.get(me)) is None:
                raise ImageError("io_error", "given up")
            if share.alone:
                return 0.0
            if share.count + count > self._limit // SHARE:
                raise NotNowError
            before = share.waited_s
            if not self._fits(me, count):
                share.since = time.monotonic()
                self._freed.wait_for(
                    lambda: self._shares.get(me) is not share or self._fits(me, count)
                )
                share.waited_s += time.monotonic() - share.since
                share.since = None
                self._freed.notify_all()  # another is the first of those that wait
            share.count += count
            return share.waited_s - before

    def end(self, kept: int) -> None:
        """This thread has read its image, and so many bytes of it wait for the decoder."""
        with self._freed:
            if not self._shares.pop(threading.get_ident()).alone:
                self._kept += kept
            self._freed.notify_all()

    def give_up(self, thread: int) -> None:
        """What another thread reads is of no use any more."""
        with self._freed:
            del self._shares[thread]
            self._freed.notify_all()

    def free(self, count: int) -> None:
        """So many bytes are decoded, or not needed; not those of one that went alone."""
        with self._freed:
            self._kept -= count
            self._freed.notify_all()

    def _fits(self, me: int, count: int) -> bool:
        after = self.taken + count
        if after <= self._limit or self._kept:
            return after <= self._limit
        if me == next(iter(self._shares)):
            return True
        waiting = (one for one, share in self._shares.items() if share.since is not None)
        return after <= 2 * self._limit and me == next(waiting, me)
