"""Images that are far away, read by threads before anybody asks for them.

Rules of this file:

1. Images are begun in the order in which they come, but at most `PER_HOST` of one server at once,
   so that one that is slow holds up nobody else's. A web server is no larger for a machine with
   more workers: all of them together have `WEB` connections to it, or `FEWEST` each. Stores are
   built for many, and say when it is too much (`sources.stores.pace`).
2. What they take of memory is `room`'s to bound. One that is too large to be read beside others is
   read again, by itself: there is one such image at a time, until it is decoded.
3. A read that has not come to an end in time has failed, wherever it hangs; its thread is given up,
   and another takes its place.
4. Nobody waits for these threads: no image of another server, no stop, no end of the process.
"""

import threading
import time
import traceback
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from batchcls.errors import ImageError
from batchcls.images import Failure, ImageRef, far, is_stored
from batchcls.sources.allowance import NotNowError
from batchcls.sources.small_threads import start_small
from batchcls.worker.prefetch import InWork
from batchcls.worker.room import Room
from batchcls.worker.stage_board import AHEAD, Board

THREADS = 48
PER_HOST = 32
WEB, FEWEST = 64, 4
GIVEN_UP = 200
"""Threads that hang, after which no others take their places."""
GRACE_S = 2.0
"""For readers that keep their own time, and can say what they have waited for."""
LOOK_S = 0.5


def host(image: ImageRef) -> str:
    """What serves an image that is far away: how its name begins, up to the third slash."""
    end = image.path.find("/", image.path.index("//") + 2)
    return image.path if end < 0 else image.path[:end]


class _Read(NamedTuple):
    """A read that has begun, and until when it is waited for."""

    work: InWork
    host: str
    until: float


class ReadAhead:
    """Reads images by threads, which begin with the first of them.

    Args:
        read: an image's bytes; raises `ImageError`, and keeps to an `Allowance`.
        board: where is shown which images are being read.
        wake: called by a thread when there is something to `take`.
        room: bounds what the images take of memory.
        patience_s: how long one read may take.
        workers: of this machine, which all ask the same servers.

    Attributes:
        pending: images that were put in and not taken.
    """

    def __init__(
        self,
        read: Callable[[ImageRef], bytes],
        board: Board,
        wake: Callable[[], None],
        room: Room,
        patience_s: float,
        workers: int = 1,
    ) -> None:
        self._read = read
        self._board = board
        self._wake = wake
        self._room = room
        self._patience_s = patience_s
        self._per_web_host = min(PER_HOST, max(FEWEST, WEB // workers))
        self._changed = threading.Condition()
        self._todo: deque[InWork] = deque()
        self._large: deque[InWork] = deque()
        self._one_alone = False
        self._done: deque[InWork] = deque()
        self._reads: dict[int, _Read] = {}  # by thread
        self._busy: Counter[str] = Counter()  # reads by host
        self._threads = self._idle = self._given_up = 0
        self._look_at = 0.0
        self.pending = 0

    def put(self, works: Sequence[InWork]) -> Sequence[InWork]:
        """Images to read; those that are not far away come back, the others by `take`."""
        if not any(far(work.image) for work in works):
            return works
        with self._changed:
            before = len(self._todo)
            self._todo.extend(work for work in works if far(work.image))
            self.pending += len(self._todo) - before
            self._start_threads()
            self._changed.notify(self.pending)
        return [work for work in works if not far(work.image)]

    def take(self) -> InWork | None:
        """The next image that is read, with its `data`, or has failed; None if there is none."""
        if self.pending and (now := time.monotonic()) >= self._look_at:
            self._look_at = now + LOOK_S
            self._give_up_late(now)
        if not self._done:  # no lock: this is asked often
            return None
        self.pending -= 1
        return self._done.popleft()

    def used(self, work: InWork) -> None:
        """An image's bytes are decoded, or not needed any more."""
        if work.data is not None and not work.alone:
            self._room.free(len(work.data))
        elif work.data is not None:
            self._next_alone()
        work.data = None

    def forget(self, taken: Iterable[InWork]) -> None:
        """Give up all that was put in, these that were taken too."""
        with self._changed:
            begun = [read.work for read in self._reads.values()]
            for thread in list(self._reads):
                self._abandon(thread)
            for work in (*taken, *self._done, *begun):
                self.used(work)
                if work.slot >= 0:
                    self._board.clear(work.slot)
            self._todo.clear()
            self._large.clear()
            self._done.clear()
            self.pending = 0

    # ---- the threads

    def _start_threads(self) -> None:
        waiting = len(self._todo) + len(self._large)
        wanted = min(THREADS - self._threads, waiting - self._idle)
        for _ in range(min(wanted, GIVEN_UP + THREADS - self._given_up - self._threads)):
            try:
                start_small(self._run, "read-ahead")
            except RuntimeError:  # a limit of processes; those that there are go on
                return
            self._threads += 1

    def _run(self) -> None:
        me = threading.get_ident()
        while True:
            with self._changed:
                while (work := self._next()) is None:
                    self._idle += 1
                    self._changed.wait()
                    self._idle -= 1
                where = host(work.image)
                self._busy[where] += 1
                self._reads[me] = _Read(work, where, time.monotonic() + self._patience_s + GRACE_S)
                work.slot = self._board.take()
                self._board.enter(work.slot, work.image.index, AHEAD)
                self._room.begin(alone=work.alone)
            found = self._attempt(work.image)
            with self._changed:
                if self._reads.pop(me, None) is None:
                    self._given_up -= 1  # it has come back, if too late
                    return
                self._room.end(len(found) if isinstance(found, bytes) else 0)
                self._free_host(where)
                self._keep(work, found)

    def _next(self) -> InWork | None:
        """The first image that goes alone, if it may, or whose host is asked for few others."""
        if self._large and not self._one_alone:
            self._one_alone = True
            return self._large.popleft()
        for position, work in enumerate(self._todo):
            most = PER_HOST if is_stored(work.image.path) else self._per_web_host
            if self._busy[host(work.image)] < most:
                del self._todo[position]
                return work
        return None

    def _attempt(self, image: ImageRef) -> bytes | Failure | None:
        """An image's bytes, or why there are none; None if it is to be read alone."""
        try:
            return self._read(image)
        except ImageError as error:
            return Failure(error.kind, error.message)
        except NotNowError:
            return None
        except MemoryError:
            return Failure("out_of_memory", "not enough memory to read it")
        except Exception as error:  # noqa: BLE001 - one image's trouble must not be the others'
            # Without the error's own words, which may hold an address with its secrets.
            traceback.print_tb(error.__traceback__)
            return Failure("io_error", f"reading failed: {type(error).__name__}")

    def _keep(self, work: InWork, found: bytes | Failure | None) -> None:
        if found is None:
            self._board.clear(work.slot)
            work.slot, work.alone = -1, True
            self._large.append(work)
            return
        if isinstance(found, bytes):
            work.data = found
        else:
            work.failure = found
            if work.alone:
                self._next_alone()
        self._finish(work)

    def _next_alone(self) -> None:
        with self._changed:
            self._one_alone = False
            self._changed.notify()

    def _finish(self, work: InWork) -> None:
        self._done.append(work)
        if len(self._done) == 1:
            self._wake()

    # ---- what hangs

    def _give_up_late(self, now: float) -> None:
        with self._changed:
            for thread, read in list(self._reads.items()):
                if now > read.until + self._room.waited(thread):
                    self._abandon(thread)
                    words = f"no answer within {self._patience_s:g} s"
                    read.work.failure = Failure("io_error", words)
                    self._finish(read.work)
            self._start_threads()
            self._changed.notify_all()  # another server's images may be begun now
            while (left := self._todo or self._large) and not self._threads:
                work = left.popleft()
                work.slot = self._board.take()
                work.failure = Failure(
                    "io_error", "no thread is free to read it: too many earlier reads hang"
                )
                self._finish(work)

    def _abandon(self, thread: int) -> None:
        read = self._reads.pop(thread)
        self._free_host(read.host)
        if read.work.alone:
            self._next_alone()
        self._room.give_up(thread)
        self._threads -= 1
        self._given_up += 1

    def _free_host(self, where: str) -> None:
        self._busy[where] -= 1
        if not self._busy[where]:
            del self._busy[where]
