"""Two looks at an image: a cheap one at all, and an exact one where the answer to that is close.

Rules of this file:

1. Which look an image gets depends on its own scores alone, so that the same job gives the same
   lines in whatever order, and with however many workers, it is done.
2. Second looks are gathered until they fill a request. A short one is started only when no image
   is at hand that could fill it (`hurry`).
3. So that memory is bounded, no first look is started while the exact rings have all they can take,
   and as much waits for them.
4. What the first look refuses, or answers with no numbers, has a second one too.
5. A picture that was decoded smaller is none for the second look. Its answer goes on, and where
   that is close the image comes again in full (`Answers.add`), and then is looked at exactly.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from batchcls.decode.policy import CLOSE
from batchcls.errors import ImageError
from batchcls.worker.interfaces import Array, Finished, Ring
from batchcls.worker.prefetch import InWork
from batchcls.worker.rings import Rings
from batchcls.worker.stage_board import Board


class Settled(NamedTuple):
    """What of a completed request needs no second look."""

    tags: Sequence[InWork]
    scores: Array
    latency_s: float
    error: str | None = None
    features: Array | None = None  # `--fast` keeps none


class TwoLooks(Rings):
    """The rings of both looks, as one: what it hands back is what is to be answered.

    Args:
        first: rings of the cheap model.
        second: rings of the exact one.
        lead: by how much an answer is ahead, of one image's scores; raises `ImageError`.
        margin: below which it is close, in nats.
        board: shows the images in work.
        marked: records of first looks say so.
    """

    def __init__(
        self,
        first: Sequence[Ring],
        second: Sequence[Ring],
        lead: Callable[[Array], float],
        margin: float,
        board: Board,
        *,
        marked: bool = False,
    ) -> None:
        super().__init__(first)
        self._second = Rings(second)
        self._lead = lead
        self._margin = margin
        self._board = board
        self._marked = marked
        self._gathered: deque[InWork] = deque()
        self.close = max(CLOSE, margin)

    def __iter__(self) -> Iterator[Ring]:
        yield from super().__iter__()
        yield from self._second

    @property
    def gathered(self) -> int:
        """Images that wait for their second look."""
        return len(self._gathered)

    @property
    def in_flight(self) -> int:
        """Requests that are running, of both looks."""
        return super().in_flight + self._second.in_flight

    @property
    def full(self) -> bool:
        """No first look can be started."""
        return self._enough or super().full

    @property
    def free_batch(self) -> int:
        """Images of the largest first look that can be started now."""
        return 0 if self._enough else super().free_batch

    def next(self) -> Ring | None:
        """The ring of the first look whose turn it is."""
        return None if self._enough else super().next()

    def takes(self, work: InWork) -> bool:
        """Whether a prepared image goes straight to its second look."""
        if work.whole:
            self._gather(work)
            self._start()
        return work.whole

    def hurry(self) -> None:
        """Start what was gathered, though it fills no request, unless first looks may add to it."""
        if self._gathered and not super().in_flight:
            self._start(short=True)

    def poll(self) -> Iterator[tuple[Ring, Finished]]:
        """Every request that has completed, as far as its images are to be answered."""
        for ring, finished in super().poll():
            if (settled := self._settle(finished)).tags:
                yield ring, settled
        yield from self._second.poll()
        self._start()

    def wait(self, timeout_s: float) -> tuple[Ring, Finished] | None:
        """The same of one request that is waited for."""
        found = super().wait(timeout_s) if super().in_flight else None
        if found is None:
            found = self._second.wait(timeout_s)
            self._start()
            return found
        settled = self._settle(found[1])
        self._start()
        return (found[0], settled) if settled.tags else None

    def wait_all(self, timeout_s: float) -> None:
        """Until all that is started has completed, at most so long for each look."""
        super().wait_all(timeout_s)
        self._second.wait_all(timeout_s)

    @property
    def _enough(self) -> bool:
        return len(self._gathered) >= self._second.capacity

    def _settle(self, finished: Finished) -> Settled:
        """Gather the images whose answer is close; the others."""
        kept = []
        for row, work in enumerate(finished.tags):
            failed = finished.error is not None
            if not work.reduced and (failed or self._is_close(finished.scores[row])):
                self._gather(work)
                continue
            kept.append(row)
            if self._marked:
                work.facts["look"] = "first"
        works = [finished.tags[row] for row in kept]
        scores = finished.scores if finished.error is not None else finished.scores[kept]
        return Settled(works, scores, finished.latency_s, finished.error)

    def _is_close(self, scores: Array) -> bool:
        try:
            return self._lead(scores) < self._margin
        except ImageError:
            return True

    def _gather(self, work: InWork) -> None:
        # Its tensor may lie in the first look's request, which is about to have another image.
        work.tensor = work.tensor.copy()
        # Whoever waits for others is not to blame for how long that takes.
        self._board.enter(work.slot, work.image.index, "wait")
        self._gathered.append(work)

    def _start(self, *, short: bool = False) -> None:
        while self._gathered and (ring := self._second.next()) is not None:
            if len(self._gathered) < ring.batch_size and not short:
                return
            count = min(len(self._gathered), ring.batch_size)
            works = [self._gathered.popleft() for _ in range(count)]
            for work in works:
                self._board.enter(work.slot, work.image.index, "infer")
            ring.start(works, [work.tensor for work in works])
            self._second.started()
