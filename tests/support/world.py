"""A world for the coordinator: workers that answer, die and hang as a seeded schedule says.

It refuses illegal commands instead of absorbing them: a lease to a worker that is dead or was
asked to stop, a second stop, a start of a worker that lives.
"""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from batchcls.coordinator.coordinator import Coordinator
from batchcls.coordinator.policy import Policy
from batchcls.coordinator.reorder import OVERHEAD
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
    WorkerStats,
)


class ListedWork:
    """An inputs list in memory; every `carried`-th entry has its line already."""

    def __init__(self, total: int, first: int = 0, carried: frozenset[int] = frozenset()) -> None:
        self.total, self.next, self.carried = total, first, carried

    @property
    def remaining(self) -> int:
        return self.total - self.next

    def take(self, count: int) -> Sequence[ImageRef | Answer]:
        stop = min(self.total, self.next + count)
        taken = range(self.next, stop)
        self.next = stop
        return [
            Answer(i, b"carried %d" % i) if i in self.carried else ImageRef(i, f"{i}.png")
            for i in taken
        ]


def lines(count: int) -> int:
    """The window that so many lines fill, in bytes of memory."""
    return count * (OVERHEAD + len(b"ok 123"))


def convict(image: ImageRef, failure: Failure) -> Answer:
    return Answer(
        image.index, b"convicted %d %s" % (image.index, failure.kind.encode()), failure.kind
    )


@dataclass
class SimulatedWorker:
    leases: dict[int, list[ImageRef]] = field(default_factory=dict)
    ready: bool = False
    stopping: bool = False
    drain: bool = False
    rss: int = 0


@dataclass
class World:
    """Runs one schedule to its end.

    Attributes:
        poison: images that kill their worker each time.
        hangs: images that hang it each time.
        fail: images that get a failure line.
        lost: images that cannot be read.
        death_rate: chance, per step, that a worker dies for no reason of its images.
        ring: images in a worker's hands at once.
        broken: even the canary kills.
        rss: what the workers report at first; as much again with each answer.
        list_after: so much happens while the images are still being listed.
    """

    seed: int
    total: int = 60
    first: int = 0
    workers: int = 2
    poison: frozenset[int] = frozenset()
    hangs: frozenset[int] = frozenset()
    fail: frozenset[int] = frozenset()
    lost: frozenset[int] = frozenset()
    carried: frozenset[int] = frozenset()
    death_rate: float = 0.0
    ring: int = 3
    broken: bool = False
    never_ready: bool = False
    rss: int = 0
    drain_after: int | None = None
    list_after: int = 0
    policy: Policy = field(default_factory=lambda: Policy(chunk=8, window=lines(40)))

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.living: dict[int, SimulatedWorker] = {}
        self.lines: list[bytes] = []
        self.deaths: Counter[int] = Counter()
        self.starts = 0
        self.stops = 0
        self.halted: str | None = None
        self.held = 0
        self.coordinator = Coordinator(
            self.workers,
            convict,
            self.policy,
        )

    def run(self) -> None:
        self.obey(self.start())
        work = ListedWork(self.total, self.first, self.carried)
        for _ in range(self.list_after):
            if self.halted is not None or not self.living:
                return
            if (event := self.step()) is not None:
                self.obey(self.coordinator.handle(event))
                self.advance()
        self.coordinator.begin(work, self.first)
        self.advance()
        for step in range(200_000):
            if self.halted is not None:
                return
            if step == self.drain_after:
                self.obey(self.coordinator.drain())
            if not self.living:
                return
            event = self.step()
            if event is not None:
                self.obey(self.coordinator.handle(event))
                self.advance()
        raise AssertionError("the schedule does not end: deadlock or endless retries")

    def start(self) -> Sequence[Command]:
        return self.coordinator.start()

    def advance(self) -> None:
        commands: list[Command] | None = None
        while self.halted is None and commands != []:
            commands = self.coordinator.advance()
            self.held = max(self.held, self.coordinator.reorder.size)
            self.obey(commands)

    def obey(self, commands: Sequence[Command]) -> None:
        for command in commands:
            match command:
                case StartWorker(worker):
                    assert worker not in self.living, "started a worker that lives"
                    self.living[worker] = SimulatedWorker()
                    self.starts += 1
                case StopWorker(worker, drain):
                    process = self.living[worker]
                    assert not process.stopping, "stopped twice"
                    process.stopping, process.drain = True, drain
                    self.stops += 1
                case Lease(worker, lease, images):
                    process = self.living[worker]
                    assert process.ready, "leased to a worker that is not ready"
                    assert not process.stopping, "leased to a worker that was asked to stop"
                    assert images
                    assert lease not in process.leases
                    assert len(process.leases) < self.policy.leases
                    process.leases[lease] = list(images)
                case Record(first, answers):
                    assert first == self.first + len(self.lines), "not the next line"
                    for offset, answer in enumerate(answers):
                        assert answer.index == first + offset
                        self.lines.append(answer.line)
                case Halt(reason):
                    self.halted = reason

    def step(self) -> Event | None:
        number = self.random.choice(sorted(self.living))
        process = self.living[number]
        if not process.ready:
            if process.stopping or self.never_ready or self.random.random() < self.death_rate:
                del self.living[number]
                return WorkerDied(number, "SIGKILL")
            process.ready = True
            return WorkerReady(number, {})
        if not process.leases:
            if process.stopping or self.random.random() < self.death_rate:
                del self.living[number]
                return WorkerDied(number, "exit status 0")
            return None
        if process.stopping and process.drain and self.random.random() < 0.3:
            del self.living[number]
            return WorkerDied(number, "exit status 0")
        return self.work(number, process)

    def work(self, number: int, process: SimulatedWorker) -> Event | None:
        waiting = [image for images in process.leases.values() for image in images]
        in_hand = waiting[: self.ring]
        for image in in_hand:
            deadly = image.index in self.poison or (image == CANARY and self.broken)
            if (deadly or image.index in self.hangs) and self.random.random() < 0.7:
                del self.living[number]
                self.deaths[image.index] += 1
                return WorkerDied(
                    number,
                    "SIGSEGV" if deadly else "silent",
                    timeout=not deadly,
                    in_flight=tuple(i.index for i in in_hand),
                )
        if self.random.random() < self.death_rate:
            del self.living[number]
            return WorkerDied(number, "SIGKILL", in_flight=tuple(i.index for i in in_hand))
        return self.answer(number, process, in_hand)

    def answer(
        self, number: int, process: SimulatedWorker, in_hand: Sequence[ImageRef]
    ) -> Event | None:
        safe = [i for i in in_hand if i.index not in self.poison | self.hangs]
        safe = [i for i in safe if not (i == CANARY and self.broken)]
        if not safe:
            return None
        chosen = self.random.choice(safe)
        lease = next(k for k, images in process.leases.items() if chosen in images)
        process.leases[lease].remove(chosen)
        if not process.leases[lease]:
            del process.leases[lease]
        process.rss += self.rss
        return Answered(number, lease, (self.say(number, chosen),), WorkerStats(rss=process.rss))

    def say(self, number: int, image: ImageRef) -> Answer:
        """What a worker finds out about an image."""
        if image.index in self.lost:
            return Answer(image.index, b"lost %d" % image.index, "vanished")
        if image.index in self.fail:
            return Answer(image.index, b"failed %d" % image.index, "corrupt")
        return Answer(image.index, b"ok %d" % image.index)
