"""Decides who works on what, what is tried again, and in what order lines come out.

No process, clock, file or terminal in here. Rules of this file:

1. Every image is recorded exactly once, in the order of the inputs list.
2. `handle` takes an event; `advance` is called until it returns nothing. Each call hands out a
   bounded number of commands and lines, so that memory stays flat whatever the size of the job, and
   events may be handled between two calls.
3. A worker has only leases that this coordinator gave it. Answers to anything else are dropped.
4. When a worker dies, what it answered stays. What it was working on are suspects, for `trial` to
   judge; the rest of its leases goes back as chunks.
5. Images are leased in order, and only as long as the finished lines that wait for one before them
   (the window) take no more memory than allowed. Suspects and returned chunks are leased even then:
   the window may wait for them.
6. A command is never given to a worker that is dead, stopped or retired.
"""

from collections import deque
from collections.abc import Callable, Iterable

from batchcls.coordinator.policy import Policy, Work
from batchcls.coordinator.reorder import Window
from batchcls.coordinator.streak import Streak
from batchcls.coordinator.suspects import Trial
from batchcls.coordinator.worker_slot import Slot
from batchcls.images import Failure, ImageRef
from batchcls.messages import (
    CANARY,
    Answer,
    Answered,
    Command,
    Event,
    Halt,
    Lease,
    Record,
    StartWorker,
    StopWorker,
    WorkerDied,
    WorkerReady,
    WorkerRefused,
)


class Coordinator:
    """The state of a run.

    Args:
        workers: how many worker slots.
        work: the images still to do.
        first: index of the first line to record.
        convict: makes the line of an image that kills its workers.
        policy: the numbers.
    """

    def __init__(
        self,
        workers: int,
        work: Work,
        first: int,
        convict: Callable[[ImageRef, Failure], Answer],
        policy: Policy | None = None,
    ) -> None:
        self._policy = policy or Policy()
        self._work = work
        self._slots = {n: Slot() for n in range(workers)}
        self._streak = Streak(0 if self._policy.tolerant else self._policy.systemic)
        self._trial = Trial(convict, self._policy.solo_deaths, self._policy.tolerant)
        self._next_record = first
        self._next_lease = 0
        self._returned: deque[tuple[ImageRef, ...]] = deque()
        self._window = Window(self._policy.window)
        self._idle_deaths = 0
        self._draining = False
        self._halted = False

    # ---- what the edge asks

    @property
    def complete(self) -> bool:
        """Every image is recorded."""
        return not (self._open_work or self._window or self._trial.doubtful)

    @property
    def draining(self) -> bool:
        """No further image is leased."""
        return self._draining

    @property
    def _open_work(self) -> bool:
        return bool(
            self._work.remaining
            or self._returned
            or self._trial.open
            or any(slot.leases for slot in self._slots.values())
        )

    # ---- what the edge tells

    def start(self) -> list[Command]:
        """The first commands of a run."""
        return [StartWorker(n) for n in self._slots]

    def drain(self) -> list[Command]:
        """Lease nothing more and let the workers finish what they have started."""
        self._draining = True
        return self._dismiss(drain=True)

    def handle(self, event: Event) -> list[Command]:
        """What an event calls for at once; `advance` gives what it makes possible."""
        if self._halted:
            return []
        match event:
            case WorkerReady():
                self._ready(event)
            case WorkerRefused():
                return self._halt(event.message)
            case Answered():
                self._answered(event)
            case WorkerDied():
                return self._died(event)
        return []

    def advance(self) -> list[Command]:
        """The next lines to record and leases to give; empty when only events can help."""
        if self._halted:
            return []
        commands = self._record()
        if self._draining:
            return commands
        if reason := self._hopeless():
            return commands or self._halt(reason)
        for number, slot in self._slots.items():
            if slot.state == "ready":
                commands += self._feed(number, slot)
            elif slot.state == "recycling" and not slot.leases:
                slot.state, slot.respawn = "stopping", True
                commands.append(StopWorker(number))
        return commands or self._record() or self._finish()

    def _hopeless(self) -> str:
        """Why the images cannot be what is at fault; empty if they can."""
        if self._trial.doubtful >= self._policy.doubtful:
            return self._trial.words
        return self._streak.words if self._streak.hopeless else ""

    # ---- events

    def _ready(self, event: WorkerReady) -> None:
        slot = self._slots[event.worker]
        if slot.state == "starting":
            slot.state = "ready"
            slot.start_deaths = slot.first_rss = 0

    def _answered(self, event: Answered) -> None:
        slot = self._slots[event.worker]
        unanswered = slot.leases.get(event.lease)
        if unanswered is None:
            return
        for answer in event.answers:
            if unanswered.pop(answer.index, None) is not None:
                self._accept(answer)
        if not unanswered:
            del slot.leases[event.lease]
            slot.alone = None
        rss, limit = event.stats.rss if event.stats else 0, self._policy.max_rss
        if slot.state == "ready" and slot.outgrown(rss, limit, self._policy.growth):
            slot.state = "recycling"

    def _accept(self, answer: Answer) -> None:
        self._idle_deaths = 0
        if answer.index == CANARY.index:
            self._keep(self._trial.canary_lived())
            return
        self._keep([answer])
        self._streak.note(answer)
        self._trial.acquitted(answer.index)
        if answer.failed is None:
            self._keep(self._trial.succeeded())

    def _keep(self, answers: Iterable[Answer]) -> None:
        for answer in answers:
            self._window.keep(answer)

    def _died(self, event: WorkerDied) -> list[Command]:
        slot = self._slots[event.worker]
        if slot.state == "gone":
            return []
        state, slot.state = slot.state, "gone"
        expected = state == "stopping" and slot.respawn
        slot.respawn = False
        if slot.alone == CANARY and CANARY.index in event.in_flight:
            return self._halt(
                f"the built-in test image kills the worker too ({event.cause}): "
                "the model or the device is at fault, not the images"
            )
        blamed = self._take_back(slot, event)
        if state == "starting":
            slot.start_deaths += 1
            if slot.start_deaths >= self._policy.start_deaths:
                return self._retire(event)
        elif not blamed and not expected:
            self._idle_deaths += 1
            if self._idle_deaths >= self._policy.idle_deaths:
                return self._halt(f"workers keep dying without any image in work ({event.cause})")
        if state == "stopping" and not expected:  # asked to leave for good, as all are by a drain
            return []
        slot.state = "starting"
        return [StartWorker(event.worker)]

    def _take_back(self, slot: Slot, event: WorkerDied) -> bool:
        """Return a dead worker's unanswered images; whether it had any in its hands."""
        alone, slot.alone = slot.alone, None
        in_flight = frozenset(event.in_flight)
        suspects: list[ImageRef] = []
        for images in slot.leases.values():
            suspects += [image for index, image in images.items() if index in in_flight]
            rest = tuple(image for index, image in images.items() if index not in in_flight)
            if rest and alone is None:
                self._returned.append(rest)
        slot.leases.clear()
        if alone is None:
            self._trial.suspect(suspects)
        elif suspects:
            self._keep(self._trial.died_alone(alone, event))
        elif alone == CANARY:
            self._trial.canary_lost()
        else:  # dead before it touched its one image: nobody's fault
            self._trial.suspect([alone])
        return bool(suspects)

    def _retire(self, event: WorkerDied) -> list[Command]:
        if any(slot.alive for slot in self._slots.values()):
            return []
        return self._halt(f"no worker can load the model any more ({event.cause})")

    def _halt(self, reason: str) -> list[Command]:
        commands = [*self._record(), Halt(reason)]
        self._halted = True
        return commands

    # ---- commands

    @property
    def _due(self) -> bool:
        """The next line is there and may be recorded."""
        first = self._next_record
        return self._window.begins(first) and not self._streak.holds(first)

    def _record(self) -> list[Command]:
        first = self._next_record
        lines = self._window.take(first, self._streak.holds)
        self._next_record += len(lines)
        return [Record(first, lines)] if lines else []

    def _feed(self, number: int, slot: Slot) -> list[Command]:
        if not slot.leases and (alone := self._trial.next_alone()) is not None:
            slot.alone = alone
            return [self._give(number, slot, (alone,))]
        commands: list[Command] = []
        while slot.alone is None and len(slot.leases) < self._policy.leases:
            chunk = self._returned.popleft() if self._returned else self._next_chunk()
            if not chunk:
                break
            commands.append(self._give(number, slot, chunk))
        return commands

    def _next_chunk(self) -> tuple[ImageRef, ...]:
        """The next images of the list, by guided self-scheduling: fewer towards the end."""
        while self._work.remaining and not self._window.full:
            fair = -(-self._work.remaining // (4 * len(self._slots)))
            entries = self._work.take(min(self._policy.chunk, fair))
            self._keep(entry for entry in entries if isinstance(entry, Answer))
            images = tuple(entry for entry in entries if isinstance(entry, ImageRef))
            if images or self._due:
                return images
        return ()

    def _give(self, worker: int, slot: Slot, images: tuple[ImageRef, ...]) -> Lease:
        lease = self._next_lease
        self._next_lease += 1
        slot.leases[lease] = {image.index: image for image in images}
        return Lease(worker, lease, images, solo=slot.alone is not None)

    def _finish(self) -> list[Command]:
        """Nothing to lease: at the end, let go of what was held back, then of the workers."""
        if self._open_work:
            return []
        self._streak.end()
        self._keep(self._trial.release())
        return self._record() or self._dismiss()

    def _dismiss(self, *, drain: bool = False) -> list[Command]:
        commands: list[Command] = []
        for number, slot in self._slots.items():
            if slot.state in ("starting", "ready", "recycling"):
                slot.state = "stopping"
                commands.append(StopWorker(number, drain=drain))
            slot.respawn = False
        return commands
