"""One worker's loop: decode ahead, keep every ring of infer requests full, collect the answers.

Rules of this file:

1. Each image that enters by `add` leaves as exactly one answer, whatever happens to it.
2. Images are prepared ahead of inference (by threads, or between two starts when there are none),
   but never more than `lookahead` of them, or than a micro-batch has (rule 4): memory is bounded.
3. The next images go to the next ring, in turn, that has a free request. A short batch is started
   only when no more images can come to fill it.
4. Where one core prepares and infers (`alternate`), the two take turns: a micro-batch of images is
   prepared, then all of it inferred. Side by side they would only take the core from each other,
   and find its caches cold each time. While reads have to wait for a disk or a network, the core
   has nothing to prepare, so then they go side by side all the same.
5. A picture that was decoded smaller, and whose answer is close, begins once more, in full.
6. Images that are far away are read before they are prepared (`read_ahead`). Those that are read
   go first; a short batch is started rather than leave a device idle for one that is not.
7. No wait is unbounded.
"""

import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING

from batchcls.images import ImageRef, Picture
from batchcls.messages import WorkerStats
from batchcls.sources.allowance import PATIENCE_S
from batchcls.worker.answers import Answers, Done
from batchcls.worker.interfaces import Array, Classifier, Finished, Ring
from batchcls.worker.micro_batch import MICRO_BATCH_S, MicroBatch
from batchcls.worker.prefetch import InWork, Prefetch
from batchcls.worker.read_ahead import ReadAhead
from batchcls.worker.rings import Rings
from batchcls.worker.room import Room
from batchcls.worker.stage_board import Board

if TYPE_CHECKING:
    from batchcls.worker.night_check import NightCheck

POLL_S = 0.02
SIDE_BY_SIDE = 16
"""Requests that run at most while reads wait; more, as in a micro-batch, and answers come late."""


class Pipeline:
    """The images of one worker, from path to line.

    Args:
        classifier: the model, with a ring per device.
        read: an image's bytes; raises `ImageError`.
        decode: bytes to a picture, in full if that is wanted; raises `ImageError`.
        board: where the stage of each image is shown.
        threads: threads that read, decode and preprocess; 0 does it between inferences.
        facts: what records hold besides classes (`batchcls.job.choices.FACTS`).
        alternate: preparing and inferring share one core; only without threads.
        night: compares devices with the CPU while they label; None where there are no others.
        rings: which request is next; None gives those of the classifier their turns.
        room: what images that are read ahead may take of memory.
        patience_s: how long to wait for one of them.
        workers: of this machine.
        keep: takes an image's index and its features, where the job keeps them.
    """

    def __init__(
        self,
        classifier: Classifier,
        read: Callable[[ImageRef], bytes],
        decode: Callable[[bytes, bool], Picture],
        board: Board,
        threads: int,
        facts: Collection[str] = (),
        *,
        alternate: bool = False,
        night: "NightCheck | None" = None,
        rings: Rings | None = None,
        room: Room | None = None,
        patience_s: float = PATIENCE_S,
        workers: int = 1,
        keep: Callable[[int, Array], None] | None = None,
    ) -> None:
        self._classifier = classifier
        self._night = night
        self._keep = keep
        self._rings = rings or Rings(classifier.rings)
        self._board = board
        self._decoding = Prefetch(read, decode, classifier.prepare, board, threads, facts)
        self._ahead = ReadAhead(read, board, self.wake, room or Room(), patience_s, workers)
        self._answers = Answers(classifier, board, facts, self._rings.close)
        self._waiting: deque[InWork] = deque()
        self._prepared: deque[InWork] = deque()
        self._spent: dict[str, float] = {}
        self._images: dict[str, int] = {}
        self._latency: dict[str, float] = {}
        batch = self._rings.batch_size
        self._lookahead = max(2 * threads, batch * len(self._rings) + threads)
        self._alternate = alternate and not threads
        self._micro_batch = MicroBatch(self._rings.capacity, batch)
        self._cut_short = False  # the micro-batch: it took too long to prepare
        self._inferring_since = 0.0
        self._inferring_images = 0

    # ---- what the worker calls

    @property
    def idle(self) -> bool:
        """No image is anywhere in here."""
        ahead = self._ahead.pending or self._decoding.pending
        inferring = self._inferring or self._rings.gathered
        return not (self._waiting or ahead or self._prepared or inferring)

    def add(self, lease: int, images: Sequence[ImageRef]) -> None:
        """Images to answer; they are taken in order."""
        self._waiting.extend(self._ahead.put([InWork(lease, image) for image in images]))

    def drop_waiting(self) -> None:
        """Forget the images that nothing has been done for yet but to read them."""
        self._ahead.forget(work for work in self._waiting if not work.whole)
        self._waiting = deque(work for work in self._waiting if work.whole)

    def wake(self) -> None:
        """End a wait in `step`, from another thread."""
        self._decoding.wake()

    def step(self, timeout_s: float) -> list[Done]:
        """Do what can be done now; if that is nothing, wait for at most `timeout_s` for more."""
        while (work := self._ahead.take()) is not None:
            if work.failure is None:
                self._waiting.append(work)
            else:
                self._receive(work)
        self._feed()
        while (work := self._decoding.take()) is not None:
            self._receive(work)
        started = self._start_requests()
        self._poll_rings()
        if not started and not self._answers.done:
            self._wait(timeout_s)
        done, self._answers.done = self._answers.done, []
        return done

    def stats(self, rss: int) -> WorkerStats:
        """What was done since the last call."""
        in_flight: dict[str, int] = {}
        for ring in self._rings:
            in_flight[ring.device] = in_flight.get(ring.device, 0) + ring.in_flight
        spent, notes = self._spent | self._decoding.spent(), [*self._classifier.notes()]
        checks = {}
        if self._night is not None:
            checks = self._night.checks
            notes += self._night.notes
            self._night.notes = []
        stats = WorkerStats(
            self._images, self._latency, in_flight, spent, rss, tuple(notes), checks
        )
        self._images, self._latency, self._spent = {}, {}, {}
        return stats

    def close(self) -> None:
        """End the decode threads."""
        self._decoding.close()

    # ---- decoding

    def _feed(self) -> None:
        """Hand images to the decode threads; without them, decode for the free requests."""
        in_turns, until = self._in_turns, time.monotonic() + MICRO_BATCH_S
        for _ in range(min(self._room(), len(self._waiting))):
            work = self._waiting.popleft()
            if work.slot < 0:
                work.slot = self._board.take()
            if self._decoding.threads:
                self._decoding.put(work)
                continue
            if (ring := self._rings.only) is not None:  # else nobody knows yet which it will be
                work.tensor = ring.input_row(len(self._prepared))
            self._decoding.prepare(work)
            self._receive(work)
            if in_turns and time.monotonic() > until:
                self._cut_short = True
                break

    def _room(self) -> int:
        """How many images more may be begun now."""
        if self._decoding.threads:
            return self._lookahead - self._decoding.pending - len(self._prepared)
        if self._in_turns:
            return 0 if self._inferring else self._micro_batch.size - len(self._prepared)
        if self._alternate and self._rings.in_flight >= SIDE_BY_SIDE:
            return 0
        return 1 if len(self._prepared) < self._rings.free_batch else 0

    @property
    def _in_turns(self) -> bool:
        return self._alternate and not self._decoding.waits

    @property
    def _inferring(self) -> bool:
        return self._rings.in_flight > 0

    def _receive(self, work: InWork) -> None:
        if work.failure is not None or not work.reduced:  # else it may be decoded once more
            self._ahead.used(work)
        if work.failure is not None:
            self._answers.fail(work, work.failure.kind, work.failure.message)
        elif not self._rings.takes(work):
            self._prepared.append(work)

    # ---- inference

    def _start_requests(self) -> bool:
        more = self._waiting and len(self._prepared) < self._micro_batch.size
        if more and self._in_turns and not self._cut_short:
            return False
        self._cut_short = False
        started = 0
        while self._prepared and (ring := self._rings.next()) is not None:
            if len(self._prepared) < ring.batch_size and (
                self._decoding.pending or self._waiting or self._expected
            ):
                break
            works = [
                self._prepared.popleft() for _ in range(min(len(self._prepared), ring.batch_size))
            ]
            for work in works:
                self._board.enter(work.slot, work.image.index, "infer")
            ring.start(works, [work.tensor for work in works])
            self._rings.started()
            started += len(works)
        if not (self._prepared or self._waiting or self._decoding.pending):
            self._rings.hurry()
        if started:
            self._inferring_images = started
            self._inferring_since = time.perf_counter()
        return bool(started)

    @property
    def _expected(self) -> bool:
        """Images will be read while the devices have something to do."""
        return self._ahead.pending > 0 and self._inferring

    def _poll_rings(self) -> None:
        for ring, finished in self._rings.poll():
            self._finish(ring, finished)
        if self._in_turns and self._inferring_images and not self._inferring:
            took = time.perf_counter() - self._inferring_since
            self._micro_batch.inferred(self._inferring_images, took)
            self._inferring_images = 0

    def _wait(self, timeout_s: float) -> None:
        """Nothing to do now: wait for a finished request, a decoded image or a wake-up."""
        busy = self._inferring
        if self._waiting and self._room() > 0:
            return
        started = time.perf_counter()
        if busy and (self._rings.full or not self._decoding.pending):
            if self._in_turns:
                self._rings.wait_all(min(timeout_s, MICRO_BATCH_S))
                self._poll_rings()
            elif (found := self._rings.wait(min(timeout_s, POLL_S))) is not None:
                self._finish(*found)
            self._spend("infer", time.perf_counter() - started)
            return
        expected, unread = self._decoding.pending, self._ahead.pending
        work = self._decoding.take(min(timeout_s, POLL_S) if busy else timeout_s)
        if work is not None:
            self._receive(work)
        if expected or unread:
            self._spend("wait" if expected else "read", time.perf_counter() - started)

    def _finish(self, ring: Ring, finished: Finished) -> None:
        """Answer the images of a request that has completed."""
        started = time.perf_counter()
        before = len(self._answers.done)
        for row, work in enumerate(finished.tags):
            self._board.enter(work.slot, work.image.index, "write")
            if finished.error is not None:
                again = self._answers.refuse(work, finished.error)
            else:
                if self._night is not None:
                    self._night.see(
                        ring.device, work.image.index, work.tensor, finished.scores[row]
                    )
                again = self._answers.add(work, finished.scores[row])
            if again is not None:
                self._waiting.appendleft(again)
                continue
            self._ahead.used(work)
            if self._keep is not None and finished.features is not None:
                self._keep(work.image.index, finished.features[row])
        count, device = len(self._answers.done) - before, ring.device
        self._images[device] = self._images.get(device, 0) + count
        self._latency[device] = self._latency.get(device, 0.0) + finished.latency_s * count
        self._spend("write", time.perf_counter() - started)

    def _spend(self, stage: str, seconds: float) -> None:
        self._spent[stage] = self._spent.get(stage, 0.0) + seconds
