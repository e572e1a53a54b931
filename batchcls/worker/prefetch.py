"""Images on their way from path to tensor: read, decoded and preprocessed ahead of inference.

With threads, they work while the devices do: OpenCV lets go of the interpreter's lock. Without, an
image is prepared when the pipeline asks. What goes wrong with an image becomes its failure, here
and nowhere else.
"""

import queue
import resource
import threading
import time
import traceback
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from batchcls.errors import ImageError
from batchcls.images import Failure, ImageRef, Picture
from batchcls.worker.facts import facts_of
from batchcls.worker.interfaces import Array
from batchcls.worker.stage_board import Board

MOST = 0.5
"""Share of the images, above which `Prefetch.waits`."""
SHARE = 0.1
"""What one image counts for in `Prefetch.waits`."""

# Only Linux counts by thread. Elsewhere the other threads' waits count too, and nobody takes turns.
_THREAD = getattr(resource, "RUSAGE_THREAD", resource.RUSAGE_SELF)


def _sleeps() -> int:
    """How often this thread has given up its core because it had to wait for something."""
    return resource.getrusage(_THREAD).ru_nvcsw


@dataclass(slots=True)
class InWork:
    """An image between its lease and its answer, or between its lease and a second look.

    Attributes:
        slot: its place on the board, once it has begun.
        whole: it is to be decoded in full, whatever the job says.
        reduced: it was decoded at less than its size.
        tensor: the model's input, once prepared; before, where to make it, if that is decided.
        failure: why there is none.
        data: the image's bytes, if they were read ahead.
        alone: it is too large to be read ahead beside others.
        facts: what its record says of the file and the picture, if that is asked for.
    """

    lease: int
    image: ImageRef
    slot: int = -1
    whole: bool = False
    reduced: bool = False
    tensor: Array = None
    failure: Failure | None = None
    data: bytes | None = None
    alone: bool = False
    facts: dict[str, int | float | str] = field(default_factory=dict)


class Prefetch:
    """Prepares images, by threads or on demand.

    Args:
        decode: bytes to a picture, in full if that is wanted.
        preprocess: a picture to the model's input, in the place that is given if one is.
        board: where the stage of each image is shown.
        threads: how many; with 0, only `prepare` does anything.
        facts: that records shall hold; those of scores are others' to find.
    """

    def __init__(
        self,
        read: Callable[[ImageRef], bytes],
        decode: Callable[[bytes, bool], Picture],
        preprocess: Callable[[Picture, Array | None], Array],
        board: Board,
        threads: int,
        facts: Collection[str] = (),
    ) -> None:
        self._facts = frozenset(facts)
        self._read = read
        self._decode = decode
        self._preprocess = preprocess
        self._board = board
        self._spent: dict[str, float] = {}
        self._lock = threading.Lock()
        self._todo: queue.SimpleQueue[InWork | None] = queue.SimpleQueue()
        self._back: queue.SimpleQueue[InWork | None] = queue.SimpleQueue()
        self.threads = threads
        self._waited = 0.0
        self.pending = 0
        self._threads = [
            threading.Thread(target=self._run, name=f"decode-{n}", daemon=True)
            for n in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def prepare(self, work: InWork) -> None:
        """Prepare an image now, in this thread."""
        before = _sleeps()
        self._prepare(work)
        self._waited += ((_sleeps() > before) - self._waited) * SHARE

    def put(self, work: InWork) -> None:
        """An image for the threads to prepare; `take` gives it back."""
        self.pending += 1
        self._todo.put(work)

    @property
    def waits(self) -> bool:
        """Of the last images for `prepare`, most waited for a disk, a network or another lock."""
        return self._waited > MOST

    def take(self, timeout_s: float = 0.0) -> InWork | None:
        """The next image that is prepared or has failed; None when there is none in time."""
        if not timeout_s and self._back.empty():  # no lock, no exception: this is asked often
            return None
        try:
            work = self._back.get(timeout=timeout_s) if timeout_s else self._back.get_nowait()
        except queue.Empty:
            return None
        if work is not None:
            self.pending -= 1
        return work

    def wake(self) -> None:
        """End a wait in `take`, from another thread."""
        self._back.put(None)

    def spent(self) -> dict[str, float]:
        """Seconds by stage, summed over threads, since the last call."""
        with self._lock:
            spent, self._spent = self._spent, {}
        return spent

    def close(self) -> None:
        """End the threads; those inside native code are left to the process's end."""
        for _ in self._threads:
            self._todo.put(None)
        for thread in self._threads:
            thread.join(timeout=1.0)

    def _run(self) -> None:
        while (work := self._todo.get()) is not None:
            self._prepare(work)
            self._back.put(work)

    def _prepare(self, work: InWork) -> None:
        stage = "read"
        try:
            started = time.perf_counter()
            self._board.enter(work.slot, work.image.index, "read")
            data = self._read(work.image) if work.data is None else work.data
            started, stage = self._next(work, started, "read", "decode")
            picture = self._decode(data, work.whole)
            work.reduced = picture.scale > 1
            if self._facts:
                work.facts = facts_of(data, picture, self._facts)
            started, stage = self._next(work, started, "decode", "preprocess")
            work.tensor = self._preprocess(picture, work.tensor)
            self._next(work, started, "preprocess", "wait")
        except ImageError as error:
            work.failure = Failure(error.kind, error.message)
        except MemoryError:
            work.failure = Failure("out_of_memory", f"not enough memory to {stage} it")
        except Exception as error:  # noqa: BLE001 - one image's trouble must not be the others'
            traceback.print_exc()
            work.failure = Failure("corrupt", f"{stage} failed: {type(error).__name__}: {error}")

    def _next(self, work: InWork, started: float, stage: str, following: str) -> tuple[float, str]:
        now = time.perf_counter()
        with self._lock:
            self._spent[stage] = self._spent.get(stage, 0.0) + now - started
        self._board.enter(work.slot, work.image.index, following)
        return now, following
