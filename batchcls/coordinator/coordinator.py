"""Decides who works on what, what is tried again, and in what order lines come out.

No process, clock, file or terminal in here. Rules of this file:

1. Every image is recorded exactly once, in the order of the inputs list.
2. `start` is the first call. Workers load the model while the images are still being listed, so
   `begin` comes later. `handle` takes an event; `advance` is called until it returns nothing. Each
   call hands out a bounded number of commands and lines, so that memory stays flat whatever the
   size of the job, and events may be handled between two calls.
3. A worker has only leases that this coordinator gave it. Answers to anything else are dropped.
4. When a worker dies, what it answered stays. What it was working on are suspects, for
   `SuspectTrials` to judge; the rest of its leases goes back as chunks. Until one worker of a
   machine has loaded the model, none there that dies is replaced: it may be the model that kills
   them.
5. When a machine is lost, nobody is to blame, at first (`Losses`). Where its workers or its answers
   show that something is wrong with a machine, it is retired as long as there is another; with the
   last one the run halts. What a machine had goes back as chunks.
6. Images are leased in order, and only as long as the finished lines that wait for one before them
   (the reorder buffer) take no more memory than allowed. Suspects, doubts and returned chunks are
   leased even then: the buffer may wait for them.
7. A command is never given to a worker that is dead, stopped or retired, or whose machine is gone.
"""

from collections.abc import Callable, Mapping

from batchcls.coordinator.judgement import Judgement
from batchcls.coordinator.leasing import Leasing
from batchcls.coordinator.machines import Machine, Machines, Slot
from batchcls.coordinator.policy import Policy, Work
from batchcls.coordinator.reorder import Spill
from batchcls.images import Failure, ImageRef
from batchcls.messages import (
    CANARY,
    Answer,
    Answered,
    Command,
    Event,
    Halt,
    MachineJoined,
    MachineLost,
    Record,
    RetireMachine,
    StartWorker,
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
        open_spill: opens what takes lines that wait when they outgrow their memory.

    Attributes:
        trial: images under suspicion; this and the next are for whoever wants to look.
        reorder: lines that wait for one before them.
        draining: no further image is leased.
        staying: workers are kept when every image is recorded, for another `begin`.
    """

    def __init__(
        self,
        workers: int,
        convict: Callable[[ImageRef, Failure], Answer],
        policy: Policy | None = None,
        open_spill: Callable[[], Spill] | None = None,
    ) -> None:
        self._policy = policy or Policy()
        self._machines = Machines(self._policy.leases)
        self._images = Judgement(self._policy, convict, open_spill)
        self._opinions = self._images.opinions
        self._leasing = Leasing(self._policy.chunk, self._machines, self._images)
        self.trial, self.reorder = self._images.trial, self._images.reorder
        self.draining = self.staying = False
        self._halted = False
        if workers:
            self._join(MachineJoined(0, "", tuple(range(workers))))

    # ---- what the edge asks

    @property
    def complete(self) -> bool:
        """Every image is recorded."""
        return self._images.complete and not self._leasing.out

    @property
    def remembered(self) -> int:
        """Of how many images something is known that is no verdict."""
        return self._images.remembered

    @property
    def machines(self) -> Mapping[int, Machine]:
        """The machines that are here, by number."""
        return self._machines.here

    @property
    def slots(self) -> Mapping[int, Slot]:
        """Their workers, by number."""
        return self._machines.slots

    # ---- what the edge tells

    def start(self) -> list[StartWorker]:
        """The first commands of a run: every worker loads the model."""
        return self._machines.start()

    def begin(self, work: Work, first: int) -> None:
        """Lease the images of this list from now on, and record lines from index `first` on.

        Nothing is left of another list by then.
        """
        self.reorder.next = first
        self._images.chunks.begin(work)

    def drain(self) -> list[Command]:
        """Lease nothing more and let the workers finish what they have started."""
        self.draining = True
        return self._machines.dismiss(drain=True)

    def handle(self, event: Event) -> list[Command]:
        """What an event calls for at once; `advance` gives what it makes possible."""
        if self._halted:
            return []
        match event:
            case MachineJoined():
                return [] if self.draining or self.complete else self._join(event)
            case MachineLost():
                self._leave(event.machine, lost=True)
            case WorkerReady() | WorkerRefused() | Answered() | WorkerDied():
                return self._heard(event)
        return []

    def advance(self) -> list[Command]:
        """The next lines to record and leases to give; empty when only events can help."""
        if self._halted:
            return []
        commands = self._record()
        if self.draining:
            return commands
        if reason := self._images.hopeless():
            return commands or self._halt(reason)
        commands += self._retire()
        commands += self._machines.replace_outgrown()
        commands += self._leasing.give()
        return commands or self._record() or self._finish()

    def leave_out(self, machine: int, reason: str) -> list[Command]:
        """Go on without a machine; halt if no other is there.

        One that joined and never loaded the model says nothing of those that are still to join.
        """
        local, loaded = machine == 0, self.machines[machine].loaded
        if not self._machines.besides(machine) and (local or loaded):
            return self._halt(reason)
        self._leave(machine, lost=False)
        return [RetireMachine(machine, reason)]

    def loaded_besides(self, machine: int) -> bool:
        """A worker of another machine has loaded the model."""
        return any(m.loaded and number != machine for number, m in self.machines.items())

    # ---- machines

    def _join(self, event: MachineJoined) -> list[Command]:
        self._opinions.join(event.machine)
        return self._machines.join(event.machine, event.name, event.workers, event.share)

    def _leave(self, number: int, *, lost: bool) -> None:
        if (machine := self._machines.leave(number)) is not None:
            self._leasing.out -= sum(len(slot.leases) for slot in machine.slots.values())
            self._images.left(machine, lost=lost)

    def _can_spare(self, number: int) -> bool:
        return number in self.machines and self._machines.besides(number)

    def _retire(self) -> list[Command]:
        """Go on without machines that others have proved wrong."""
        commands: list[Command] = []
        for witness, number in (
            (self._opinions, self._opinions.liar), (self.trial, self.trial.sick),
        ):  # fmt: skip
            if number is not None and self._can_spare(number):
                commands += self.leave_out(number, witness.against(number))
        return commands

    # ---- workers

    def _heard(self, event: WorkerReady | WorkerRefused | Answered | WorkerDied) -> list[Command]:
        if (found := self._machines.of(event.worker)) is None:
            return []  # late, from a machine that is gone
        machine, slot = found
        machine.unheard.clear()
        commands: list[Command] = []
        match event:
            case WorkerReady():
                commands = self._ready(machine, slot)
            case WorkerRefused():
                return self.leave_out(machine.number, event.message)
            case Answered():
                self._answered(machine, slot, event)
            case WorkerDied() if slot.state != "gone":
                commands = self._died(machine, slot, event)
        machine.place(event.worker)
        return commands

    def _ready(self, machine: Machine, slot: Slot) -> list[Command]:
        if slot.state != "starting":
            return []
        slot.state = "ready"
        slot.start_deaths = slot.first_rss = 0
        machine.loaded = True
        return machine.start_again(self._policy.start_deaths)

    def _answered(self, machine: Machine, slot: Slot, event: Answered) -> None:
        unanswered = slot.leases.get(event.lease)
        if unanswered is None:
            return
        for answer in event.answers:
            if (image := unanswered.pop(answer.index, None)) is not None:
                machine.idle_deaths = 0
                self._images.accept(machine, image, answer)
        if not unanswered:
            del slot.leases[event.lease]
            self._leasing.out -= 1
            slot.alone = None
        rss, limit = event.stats.rss if event.stats else 0, self._policy.max_rss or machine.share
        if slot.state == "ready" and slot.outgrown(rss, limit, self._policy.growth):
            slot.state = "recycling"

    def _died(self, machine: Machine, slot: Slot, event: WorkerDied) -> list[Command]:
        state, slot.state = slot.state, "gone"
        expected = state == "stopping" and slot.respawn
        slot.respawn = False
        if slot.alone == CANARY and CANARY.index in event.in_flight:
            return self.leave_out(
                machine.number,
                f"the built-in test image crashes the worker too ({event.cause}); "
                "the model or the device is at fault, not the images",
            )
        self._leasing.out -= len(slot.leases)
        blamed = self._images.take_back(machine, slot, event)
        if state == "starting":
            slot.start_deaths += 1
            if not machine.loaded or slot.start_deaths >= self._policy.start_deaths:
                return self._cannot_load(machine, event)
        elif not blamed and not expected:
            machine.idle_deaths += 1
            if machine.idle_deaths >= self._policy.idle_deaths:
                said = f"workers keep dying while they work on no image ({event.cause})"
                return self.leave_out(machine.number, said)
        if state == "stopping" and not expected:  # asked to leave for good, as all are by a drain
            return []
        slot.state = "starting"
        return [StartWorker(event.worker)]

    def _cannot_load(self, machine: Machine, event: WorkerDied) -> list[Command]:
        if machine.usable:
            return []
        said = "can load the model any more" if machine.loaded else "could load the model"
        return self.leave_out(machine.number, f"no worker {said} ({event.cause})")

    # ---- lines

    def _record(self) -> list[Command]:
        first = self.reorder.next
        lines = self.reorder.take()
        return [Record(first, lines)] if lines else []

    def _halt(self, reason: str) -> list[Command]:
        commands = [*self._record(), Halt(reason)]
        self._halted = True
        return commands

    def _finish(self) -> list[Command]:
        """Nothing to lease: at the end, let go of what was held back, then of the workers."""
        images = self._images
        if self._leasing.out:
            return []
        if self._opinions:
            # Only these are left, or all else waits for them.
            if images.open and any(slot.coming for slot in self.slots.values()):
                return []
            images.trust()
            if commands := self._record() or self._leasing.give():
                return commands
        if images.open:
            return []
        images.release()
        if lines := self._record():
            return lines
        return [] if self.staying else self._machines.dismiss(drain=False)
