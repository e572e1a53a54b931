"""A world of several machines that join, stall, lie, fall ill and die, as a seed says.

Machine 1 is honest and lives to the end. It refuses illegal commands, as `World` does.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from batchcls.coordinator.coordinator import Coordinator
from batchcls.images import ImageRef
from batchcls.messages import (
    CANARY,
    Answer,
    Answered,
    Command,
    Event,
    MachineJoined,
    MachineLost,
    RetireMachine,
    WorkerDied,
)
from tests.support.world import SimulatedWorker, World, convict

Nature = Literal["honest", "liar", "sick", "unable"]
"""A liar sees no image; on a sick one each image kills; one that is unable loads no model."""


@dataclass
class SimulatedMachine:
    workers: tuple[int, ...]
    nature: Nature = "honest"
    dead: bool = False  # and nobody knows yet


@dataclass
class ClusterWorld(World):
    """Runs one schedule to its end.

    Attributes:
        natures: of the machines, in the order in which they join, from the second on.
        sizes: workers of a machine, one of these.
        loss_rate: chance, per step, that a machine dies.
        killers: images that bring their machine down.
        late: chance that a lost machine's worker is still heard of.
    """

    natures: Sequence[Nature] = ()
    sizes: Sequence[int] = (1, 2, 4)
    loss_rate: float = 0.0
    killers: frozenset[int] = frozenset()
    late: float = 0.0
    machines: dict[int, SimulatedMachine] = field(default_factory=dict)
    retired: list[tuple[int, Nature, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.coordinator = Coordinator(0, convict, self.policy)
        self.to_join = list(self.natures)
        self.joined = self.next_worker = 0
        self.times_lost: Counter[int] = Counter()  # image → machines that were lost with it
        self.ghosts: list[tuple[int, SimulatedWorker]] = []

    def start(self) -> Sequence[Command]:
        assert self.coordinator.start() == []
        return self.coordinator.handle(self.join("honest"))

    def join(self, nature: Nature) -> MachineJoined:
        self.joined += 1
        count = self.random.choice(self.sizes)
        workers = tuple(range(self.next_worker, self.next_worker + count))
        self.next_worker += count
        self.machines[self.joined] = SimulatedMachine(workers, nature)
        return MachineJoined(self.joined, f"node{self.joined}", workers)

    def machine_of(self, worker: int) -> int:
        return next(n for n, machine in self.machines.items() if worker in machine.workers)

    def nature(self, worker: int) -> Nature:
        return self.machines[self.machine_of(worker)].nature

    def end(self, machine: int, *, heard: bool) -> None:
        for worker in self.machines[machine].workers:
            process = self.living.pop(worker, None)
            if process is not None and heard:
                self.ghosts.append((worker, process))

    def obey(self, commands: Sequence[Command]) -> None:
        for command in commands:
            if isinstance(command, RetireMachine):
                assert command.machine in self.machines
                nature = self.machines[command.machine].nature
                self.retired.append((command.machine, nature, command.reason))
                self.end(command.machine, heard=True)
                del self.machines[command.machine]
            else:
                super().obey([command])

    def step(self) -> Event | None:
        if self.to_join and self.random.random() < 0.05:
            return self.join(self.to_join.pop(0))
        if self.ghosts and self.random.random() < self.late:
            return self.ghost()
        mortal = [n for n in self.machines if n > 1]
        if mortal and self.random.random() < self.loss_rate:
            self.machines[self.random.choice(mortal)].dead = True
        dead = [n for n in mortal if self.machines[n].dead]
        if dead and self.random.random() < 0.1:
            return self.lose(dead[0])
        number = self.random.choice(sorted(self.living))
        machine = self.machine_of(number)
        if self.machines[machine].dead:
            return None
        process = self.living[number]
        in_hand = [image for images in process.leases.values() for image in images][: self.ring]
        if machine > 1 and any(i.index in self.killers for i in in_hand):
            self.machines[machine].dead = True
            return None
        if not process.ready and self.nature(number) == "unable":
            del self.living[number]
            return WorkerDied(number, "exit status 1")
        return super().step()

    def lose(self, machine: int) -> MachineLost:
        processes = [self.living.get(worker) for worker in self.machines[machine].workers]
        for process in processes:
            for images in process.leases.values() if process is not None else ():
                self.times_lost.update(image.index for image in images)
        self.end(machine, heard=True)
        del self.machines[machine]
        self.to_join.append("honest")  # another comes in its place
        return MachineLost(machine, "silent for 30 s")

    def ghost(self) -> Event | None:
        number, process = self.ghosts.pop()
        if not process.leases:
            return WorkerDied(number, "SIGKILL")
        lease, images = next(iter(process.leases.items()))
        answers = tuple(Answer(image.index, b"ghost %d" % image.index) for image in images)
        return Answered(number, lease, answers)

    def answer(
        self, number: int, process: SimulatedWorker, in_hand: Sequence[ImageRef]
    ) -> Event | None:
        if self.nature(number) == "sick":
            del self.living[number]
            return WorkerDied(number, "SIGSEGV", in_flight=tuple(i.index for i in in_hand))
        return super().answer(number, process, in_hand)

    def say(self, number: int, image: ImageRef) -> Answer:
        if self.nature(number) == "liar" and image != CANARY and image.index not in self.lost:
            return Answer(image.index, b"lie %d" % image.index, "vanished")
        return super().say(number, image)
