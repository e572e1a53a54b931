"""Decides what a worker that has room is given: a trial, a doubt of another machine, a chunk."""

from batchcls.coordinator.judgement import Judgement
from batchcls.coordinator.machines import Machine, Machines
from batchcls.images import ImageRef
from batchcls.messages import Answer, Command, Lease

AT_ONCE = 4
"""Leases given by one call, so that none takes long however many workers wait."""


class Leasing:
    """Gives leases to workers.

    Args:
        chunk: the most images in one lease.
        machines: whose workers have room.
        images: that are to be done.

    Attributes:
        out: leases that are given and not answered in full.
    """

    def __init__(self, chunk: int, machines: Machines, images: Judgement) -> None:
        self._chunk = chunk
        self._machines = machines
        self._images = images
        self._next = 0
        self._turn = 0
        self.out = 0

    def give(self) -> list[Command]:
        """Some leases; none when there is nothing to give, or nobody to give it to."""
        commands: list[Command] = []
        if not self._images.open:
            return commands
        machines = [m for m in self._machines.here.values() if m.free or m.room]
        self._turn += 1
        first = self._turn % max(1, len(machines))
        for machine in machines[first:] + machines[:first]:
            if self._images.opinions.paused(machine.number):
                continue
            while len(commands) < AT_ONCE and (lease := self._give(machine)) is not None:
                commands.append(lease)
        return commands

    def _give(self, machine: Machine) -> Lease | None:
        images, here = self._images, self._machines.here
        worker = next(iter(machine.free or machine.room), None)
        if worker is None:
            return None
        trial, asked = images.trial, (machine.number, here, images.opinions.helpful)
        if machine.free:
            if (alone := trial.next_alone(*asked)) is not None:
                machine.slots[worker].alone = alone
                return self._lease(machine, worker, (alone,))
        elif trial.waits_for(*asked) and not machine.freeing:
            return None  # the next worker to run dry takes the trial, or none ever would
        chunk = (
            images.opinions.ask(machine.number, self._chunk)
            or images.chunks.returned()
            or self._listed()
        )
        return self._lease(machine, worker, chunk) if chunk else None

    def _listed(self) -> tuple[ImageRef, ...]:
        """The next images of the list; the lines that are there already are kept on the way."""
        workers = len(self._machines.slots)
        while not self._images.reorder.full and (entries := self._images.chunks.next(workers)):
            for entry in entries:
                if isinstance(entry, Answer):
                    self._images.reorder.keep(entry)
            images = tuple(entry for entry in entries if isinstance(entry, ImageRef))
            if images or self._images.reorder.due:
                return images
        return ()

    def _lease(self, machine: Machine, worker: int, images: tuple[ImageRef, ...]) -> Lease:
        lease = self._next
        self._next += 1
        self.out += 1
        slot = machine.slots[worker]
        slot.leases[lease] = {image.index: image for image in images}
        machine.unheard.add(lease)
        machine.place(worker)
        return Lease(worker, lease, images, solo=slot.alone is not None)
