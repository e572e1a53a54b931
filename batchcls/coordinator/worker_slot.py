"""One worker number as the coordinator sees it: its state, and the leases it holds."""

from collections.abc import Container, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Literal

from batchcls.images import ImageRef
from batchcls.messages import Command, MachineJoined, StartWorker, StopWorker

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

    def unanswered(
        self, in_hand: Container[int]
    ) -> tuple[list[ImageRef], list[tuple[ImageRef, ...]]]:
        """What it was leased and has not answered: images in its hands, and the rest as chunks."""
        images = [image for lease in self.leases.values() for image in lease.values()]
        rests = [
            tuple(image for index, image in lease.items() if index not in in_hand)
            for lease in self.leases.values()
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


def join(slots: MutableMapping[int, Slot], event: MachineJoined) -> list[Command]:
    """Start the workers of a machine."""
    slots.update((worker, Slot(event.machine)) for worker in event.workers)
    return [StartWorker(worker) for worker in event.workers]


def lose(slots: MutableMapping[int, Slot], machine: int) -> list[tuple[int, Slot]]:
    """Forget the workers of a machine; what they were."""
    lost = [(number, slot) for number, slot in slots.items() if slot.machine == machine]
    for number, _ in lost:
        del slots[number]
    return lost


def start_again(slots: Mapping[int, Slot], most_deaths: int) -> list[Command]:
    """Start those that died while they loaded the model, fewer than so many times in a row."""
    commands: list[Command] = []
    for number, slot in slots.items():
        if slot.state == "gone" and slot.start_deaths < most_deaths:
            slot.state = "starting"
            commands.append(StartWorker(number))
    return commands


def dismiss(slots: Mapping[int, Slot], *, drain: bool) -> list[Command]:
    """Ask all that live to leave for good; see `StopWorker`."""
    commands: list[Command] = []
    for number, slot in slots.items():
        if slot.state in ("starting", "ready", "recycling"):
            slot.state = "stopping"
            commands.append(StopWorker(number, drain=drain))
        slot.respawn = False
    return commands
