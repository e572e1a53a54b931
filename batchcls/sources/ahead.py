"""Images that somebody reads one after the other: those that are far away are read ahead.

For all that looks at some images before a run or after it. What a run reads itself, a worker reads
ahead (`worker.read_ahead`): in any order, and with more threads.
"""

import queue
import threading
from collections.abc import Iterable

from batchcls.errors import ImageError
from batchcls.images import ImageRef, far
from batchcls.sources.allowance import PATIENCE_S, Allowance, NotNowError
from batchcls.sources.every import EveryPlace
from batchcls.sources.small_threads import start_small

AT_ONCE = 16
EACH = 8 << 20
"""Bytes of an image that is read ahead; a larger one is read when it is asked for."""
GRACE_S = 2.0
"""For readers that keep their own time, and can say what they have waited for."""


class Ahead:
    """Reads images; of those that are far away, the next ones at the same time as the first.

    Where all are near, no thread is started. To be used by one thread.

    Args:
        images: in the order in which they are read; any of them may be left out, or read again.
    """

    def __init__(self, images: Iterable[ImageRef]) -> None:
        self._far = [image for image in images if far(image)]
        self._places = {image: place for place, image in enumerate(self._far)}
        self._begun: dict[ImageRef, queue.SimpleQueue[bytes | Exception]] = {}
        self._share = _Share()
        self._source = EveryPlace(allowance=Allowance(room=self._share.take))

    def read(self, image: ImageRef) -> bytes:
        """An image's bytes; see `EveryPlace.read`.

        Raises:
            ImageError: why there are none.
        """
        if not far(image):
            return self._source.read(image)
        place = self._places[image]
        following = self._far[place : place + AT_ONCE]
        # Without those that were left out: nobody will ask for them.
        self._begun = {one: self._begun.get(one) or self._begin(one) for one in following}
        try:
            found = self._begun.pop(image).get(timeout=PATIENCE_S + GRACE_S)
        except queue.Empty:
            raise ImageError("io_error", f"no answer within {PATIENCE_S:g} s") from None
        if isinstance(found, NotNowError):
            return self._source.read(image)
        if isinstance(found, Exception):
            raise found
        return found

    def _begin(self, image: ImageRef) -> "queue.SimpleQueue[bytes | Exception]":
        answer: queue.SimpleQueue[bytes | Exception] = queue.SimpleQueue()

        def read() -> None:
            self._share.left = EACH
            try:
                answer.put(self._source.read(image))
            except Exception as error:  # noqa: BLE001 - raised again where it is waited for
                answer.put(error)

        try:
            start_small(read, "ahead")
        except RuntimeError:  # a limit of processes
            answer.put(NotNowError())
        return answer


class _Share(threading.local):
    """What a thread that reads ahead may still keep of its image; others may keep all."""

    left: int | None = None

    def take(self, count: int) -> float:
        """See `Allowance.room`."""
        if self.left is not None:
            self.left -= count
            if self.left < 0:
                raise NotNowError
        return 0.0
