"""Decides who works on what, what is tried again, and in what order lines come out.

No process, clock, file or terminal in here. Rules of this file:

1. Every image is recorded exactly once, in the order of the inputs list.
2. `start` is the first call. Workers load the model while the images are still being listed, so
   `begin` comes later. `handle` takes an event; `advance` is called until it returns nothing. Each
   call hands out a bounded number of commands and lines, so that memory stays flat whatever the
   size of the job, and events may be handled between two calls.
3. A worker has only leases that this coordinator gave it. Answers to anything else are dropped.
4. When a worker dies, what it answered stays. What it was working on are suspects, for
   `SuspectTrials` to judge; the rest of its leases goes back as chunks. Until one worker has loaded
   the model, none that dies is replaced: it may be the model that kills them.
5. Images are leased in order, and only as long as the finished lines that wait for one before them
   (the reorder buffer) take no more memory than allowed. Suspects and returned chunks are leased
   even then: the buffer may wait for them.
6. A command is never given to a worker that is dead, stopped or retired.
"""

from collections.abc import Callable, Iterable

from batchcls.coordinator.chunks import Chunks
from batchcls.coordinator.policy import Policy, Work
from batchcls.coordinator.reorder import ReorderBuffer
from batchcls.coordinator.streak import Streak
from batchcls.coordinator.suspects import SuspectTrials
from batchcls.coordinator.worker_slot import Slot, dismiss, join, lose, start_again
from batchcls.images import Failure, ImageRef
from batchcls.messages import (
    CANARY,
    Answer,
    Answered,
    Command,
    Event,
    Halt,
    Lease,
    MachineJoined,
    MachineLost,
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
        workers: how many worker slots machine 0 has from the start; 0 where each machine joins.
        convict: makes the line of an image that kills its workers.
        policy: the numbers.

    Attributes:
        slots: the workers by number; this and the next two are for whoever wants to look.
        trial: images under suspicion.
        reorder: lines that wait for one before them.
        draining: no further image is leased.
    """

    def __init__(
        self,
        workers: int,
        convict: Callable[[ImageRef, Failure], Answer],
        policy: Policy | None = None,
    ) -> None:
        self._policy = policy or Policy()
        self.slots = {n: Slot() for n in range(workers)}
        self._streak = Streak(0 if self._policy.tolerant else self._policy.systemic)
        self.trial = SuspectTrials(convict, self._policy.solo_deaths, self._policy.tolerant)
        self._next_record = 0
        self._next_lease = 0
        self._chunks = Chunks(self._policy.chunk)
        self.reorder = ReorderBuffer(self._policy.window)
        self._loaded = False
        self._idle_deaths = 0
        self.draining = False
        self._halted = False

    # ---- what the edge asks

    @property
    def complete(self) -> bool:
        """Every image is recorded."""
        return not (self._open_work or self.reorder or self.trial.doubtful)

    @property
    def _open_work(self) -> bool:
        leased = any(slot.leases for slot in self.slots.values())
        return self._chunks.left or self.trial.open or leased

    # ---- what the edge tells

    def start(self) -> list[StartWorker]:
        """The first commands of a run: every worker loads the model."""
        return [StartWorker(n) for n in self.slots]

    def begin(self, work: Work, first: int) -> None:
        """Lease the images of this list from now on, and record lines from index `first` on."""
        self._next_record = first
        self._chunks.begin(work)

    def drain(self) -> list[Command]:
        """Lease nothing more and let the workers finish what they have started."""
        self.draining = True
        return dismiss(self.slots, drain=True)

    def handle(self, event: Event) -> list[Command]:
        """What an event calls for at once; `advance` gives what it makes possible."""
        if self._halted:
            return []
        match event:
            case WorkerReady():
                return self._ready(event)
            case WorkerRefused():
                return self._halt(event.message)
            case Answered():
                self._answered(event)
            case WorkerDied():
                return self._died(event)
            case MachineJoined():
                return self._joined(event)
            case MachineLost():
                self._lost(event)
        return []

    def advance(self) -> list[Command]:
        """The next lines to record and leases to give; empty when only events can help."""
        if self._halted:
            return []
        commands = self._record()
        if self.draining:
            return commands
        if reason := self._hopeless():
            return commands or self._halt(reason)
        for number, slot in self.slots.items():
            if slot.state == "ready":
                commands += self._feed(number, slot)
            elif slot.state == "recycling" and not slot.leases:
                slot.state, slot.respawn = "stopping", True
                commands.append(StopWorker(number))
        return commands or self._record() or self._finish()

    def _hopeless(self) -> str:
        """Why the images cannot be what is at fault; empty if they can."""
        if self.trial.doubtful >= self._policy.doubtful:
            return self.trial.message
        return self._streak.message if self._streak.hopeless else ""

    # ---- events

    def _joined(self, event: MachineJoined) -> list[Command]:
        return [] if self.draining else join(self.slots, event)

    def _lost(self, event: MachineLost) -> None:
        """Nobody is blamed; what its workers had is leased again."""
        for worker, slot in lose(self.slots, event.machine):
            self._take_back(slot, WorkerDied(worker, event.cause))

    def _ready(self, event: WorkerReady) -> list[Command]:
        slot = self.slots.get(event.worker)
        if slot is None or slot.state != "starting":
            return []
        slot.state = "ready"
        slot.start_deaths = slot.first_rss = 0
        self._loaded = True
        return start_again(self.slots, self._policy.start_deaths)

    def _answered(self, event: Answered) -> None:
        slot = self.slots.get(event.worker)
        if slot is None or (unanswered := slot.leases.get(event.lease)) is None:
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
            self._keep(self.trial.canary_lived())
            return
        self._keep([answer])
        self._streak.note(answer)
        self.trial.acquitted(answer.index)
        if answer.failed is None:
            self._keep(self.trial.succeeded())

    def _keep(self, answers: Iterable[Answer]) -> None:
        for answer in answers:
            self.reorder.keep(answer)

    def _died(self, event: WorkerDied) -> list[Command]:
        slot = self.slots.get(event.worker)
        if slot is None or slot.state == "gone":
            return []
        state, slot.state = slot.state, "gone"
        expected = state == "stopping" and slot.respawn
        slot.respawn = False
        if slot.alone == CANARY and CANARY.index in event.in_flight:
            return self._halt(
                f"the built-in test image crashes the worker too ({event.cause}); "
                "the model or the device is at fault, not the images"
            )
        blamed = self._take_back(slot, event)
        if state == "starting":
            slot.start_deaths += 1
            if not self._loaded or slot.start_deaths >= self._policy.start_deaths:
                return self._retire(event)
        elif not blamed and not expected:
            self._idle_deaths += 1
            if self._idle_deaths >= self._policy.idle_deaths:
                return self._halt(f"workers keep dying while they work on no image ({event.cause})")
        if state == "stopping" and not expected:  # asked to leave for good, as all are by a drain
            return []
        slot.state = "starting"
        return [StartWorker(event.worker)]

    def _take_back(self, slot: Slot, event: WorkerDied) -> bool:
        """Return a dead worker's unanswered images; whether it had any in its hands."""
        alone, slot.alone = slot.alone, None
        suspects, rests = slot.unanswered(frozenset(event.in_flight))
        slot.leases.clear()
        if alone is None:
            self._chunks.give_back(rests)
            self.trial.suspect(suspects)
        elif suspects:
            self._keep(self.trial.died_alone(alone, event))
        elif alone == CANARY:
            self.trial.canary_lost()
        else:  # dead before it touched its one image: nobody's fault
            self.trial.suspect([alone])
        return bool(suspects)

    def _retire(self, event: WorkerDied) -> list[Command]:
        if any(slot.alive for slot in self.slots.values()):
            return []
        said = "can load the model any more" if self._loaded else "could load the model"
        return self._halt(f"no worker {said} ({event.cause})")

    def _halt(self, reason: str) -> list[Command]:
        commands = [*self._record(), Halt(reason)]
        self._halted = True
        return commands

    # ---- commands

    @property
    def _due(self) -> bool:
        """The next line is there and may be recorded."""
        first = self._next_record
        return self.reorder.begins(first) and not self._streak.holds(first)

    def _record(self) -> list[Command]:
        first = self._next_record
        lines = self.reorder.take(first, self._streak.holds)
        self._next_record += len(lines)
        return [Record(first, lines)] if lines else []

    def _feed(self, number: int, slot: Slot) -> list[Command]:
        if not slot.leases and (alone := self.trial.next_alone()) is not None:
            slot.alone = alone
            return [self._give(number, slot, (alone,))]
        commands: list[Command] = []
        while slot.alone is None and len(slot.leases) < self._policy.leases:
            chunk = self._chunks.returned() or self._next_chunk()
            if not chunk:
                break
            commands.append(self._give(number, slot, chunk))
        return commands

    def _next_chunk(self) -> tuple[ImageRef, ...]:
        """The next images of the list; the lines that are there already are kept on the way."""
        while not self.reorder.full and (entries := self._chunks.listed(len(self.slots))):
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
        self._keep(self.trial.release())
        return self._record() or dismiss(self.slots, drain=False)
