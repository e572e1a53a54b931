"""The machines of a run and their workers: their leases, and who has room for another."""

from collections.abc import Container, Iterable
from dataclasses import dataclass, field
from typing import Literal

from batchcls.images import ImageRef, far
from batchcls.messages import Command, StartWorker, StopWorker

FAR_AHEAD = 256
"""Unanswered images that a worker may hold where they come over a network: some may take long, and
the others must not wait for them."""

State = Literal["starting", "ready", "recycling", "stopping", "gone"]


@dataclass(slots=True)
class Slot:
    """One worker number: the processes that bear it, one after the other."""

    machine: int = 0
    state: State = "starting"
    leases: dict[int, dict[int, ImageRef]] = field(default_factory=dict)  # id → unanswered images
    alone: ImageRef | None = None  # the image it is tried on
    respawn: bool = False  # it was asked to leave only to be replaced
    start_deaths: int = 0
    first_rss: int = 0  # bytes, as first reported by the process that bears the number now

    @property
    def alive(self) -> bool:
        """A process bears this number now, or will again."""
        return self.state in ("starting", "ready", "recycling") or self.respawn

    @property
    def coming(self) -> bool:
        """It does not take work now, and will again: it starts, or is being replaced."""
        return self.alive and self.state != "ready"

    def may_have_more(self, leases: int) -> bool:
        """Whether it may hold another lease, where near images may be in so many."""
        if len(self.leases) < leases:
            return True
        some = next(iter(next(iter(self.leases.values())).values()), None)
        unanswered = sum(map(len, self.leases.values()))
        return some is not None and far(some) and unanswered < FAR_AHEAD

    def take_back(
        self, in_hand: Container[int] = ()
    ) -> tuple[list[ImageRef], list[tuple[ImageRef, ...]]]:
        """What it was leased and has not answered: images in its hands, and the rest as chunks."""
        leases, self.leases = list(self.leases.values()), {}
        images = [image for lease in leases for image in lease.values()]
        rests = [
            tuple(image for index, image in lease.items() if index not in in_hand)
            for lease in leases
        ]
        return [i for i in images if i.index in in_hand], [rest for rest in rests if rest]

    def outgrown(self, rss: int, limit: int, growth: float) -> bool:
        """Its process reports more than the limit (0 = none), and more than it began with.

        The second keeps a limit below what a model needs from replacing worker after worker.

        Args:
            rss: resident bytes.
            limit: bytes.
            growth: times its first report.
        """
        self.first_rss = self.first_rss or rss
        return 0 < limit < rss and rss > growth * self.first_rss


@dataclass(slots=True)
class Machine:
    """One machine, as long as it is here.

    Attributes:
        number: never used again.
        name: for people; empty for the machine of a local run.
        slots: its workers by number.
        leases: that a worker holds at most.
        share: see `MachineJoined`.
        free: ready workers without a lease, first come, first served.
        room: ready workers that hold a lease and may have another.
        outgrown: workers to be replaced that have no lease any more.
        unheard: leases given since it was last heard of.
        loaded: one of its workers has loaded the model.
        idle_deaths: in a row, of ready workers, with no image answered and none suspected.
    """

    number: int
    name: str
    slots: dict[int, Slot]
    leases: int
    share: int = 0
    free: dict[int, None] = field(default_factory=dict)
    room: dict[int, None] = field(default_factory=dict)
    outgrown: dict[int, None] = field(default_factory=dict)
    unheard: set[int] = field(default_factory=set)
    loaded: bool = False
    idle_deaths: int = 0

    @property
    def usable(self) -> bool:
        """A worker is there, or will be."""
        return any(slot.alive for slot in self.slots.values())

    @property
    def freeing(self) -> bool:
        """A worker will be free soon, without being kept from work."""
        return any(slot.coming or slot.alone is not None for slot in self.slots.values())

    def place(self, worker: int) -> None:
        """Something has become of this worker: see again whether it has room."""
        slot = self.slots[worker]
        self.free.pop(worker, None)
        self.room.pop(worker, None)
        self.outgrown.pop(worker, None)
        if slot.state == "ready" and not slot.leases:
            self.free[worker] = None
        elif slot.state == "ready" and slot.alone is None and slot.may_have_more(self.leases):
            self.room[worker] = None
        elif slot.state == "recycling" and not slot.leases:
            self.outgrown[worker] = None

    def start_again(self, most_deaths: int) -> list[Command]:
        """Start those that died while they loaded the model, fewer than so many times in a row."""
        commands: list[Command] = []
        for number, slot in self.slots.items():
            if slot.state == "gone" and slot.start_deaths < most_deaths:
                slot.state = "starting"
                commands.append(StartWorker(number))
        return commands

    def replace_outgrown(self) -> list[Command]:
        """Ask those to leave that have become too large."""
        commands: list[Command] = []
        for worker in self.outgrown:
            self.slots[worker].state, self.slots[worker].respawn = "stopping", True
            commands.append(StopWorker(worker))
        self.outgrown.clear()
        return commands

    def dismiss(self, *, drain: bool) -> list[Command]:
        """Ask all that live to leave for good; see `StopWorker`."""
        commands: list[Command] = []
        for number, slot in self.slots.items():
            if slot.state in ("starting", "ready", "recycling"):
                slot.state = "stopping"
                commands.append(StopWorker(number, drain=drain))
            slot.respawn = False
        self.free.clear()
        self.room.clear()
        return commands


class Machines:
    """The machines that are here.

    Args:
        leases: that a worker holds at most.

    Attributes:
        here: by number.
        slots: all their workers, by number.
    """

    def __init__(self, leases: int) -> None:
        self._leases = leases
        self.here: dict[int, Machine] = {}
        self.slots: dict[int, Slot] = {}

    def join(self, number: int, name: str, workers: Iterable[int], share: int = 0) -> list[Command]:
        """One more, see `MachineJoined`; start its workers."""
        slots = {worker: Slot(number) for worker in workers}
        self.here[number] = Machine(number, name, slots, self._leases, share)
        self.slots.update(slots)
        return [StartWorker(worker) for worker in slots]

    def leave(self, number: int) -> Machine | None:
        """It is gone, and its workers with it; None where it was not here."""
        machine = self.here.pop(number, None)
        for worker in machine.slots if machine is not None else ():
            del self.slots[worker]
        return machine

    def of(self, worker: int) -> tuple[Machine, Slot] | None:
        """A worker's machine and slot; None if its machine is gone."""
        slot = self.slots.get(worker)
        return None if slot is None else (self.here[slot.machine], slot)

    def besides(self, machine: int) -> bool:
        """Another machine is here."""
        return any(number != machine for number in self.here)

    def start(self) -> list[StartWorker]:
        """Start every worker."""
        return [StartWorker(worker) for worker in self.slots]

    def dismiss(self, *, drain: bool) -> list[Command]:
        """Ask all workers that live to leave for good; see `StopWorker`."""
        return [
            command for machine in self.here.values() for command in machine.dismiss(drain=drain)
        ]

    def replace_outgrown(self) -> list[Command]:
        """Ask those to leave that have become too large."""
        return [
            command
            for machine in self.here.values()
            if machine.outgrown
            for command in machine.replace_outgrown()
        ]
