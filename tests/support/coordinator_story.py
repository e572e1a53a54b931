"""A coordinator that is told events one by one, for tests of single decisions."""

from batchcls.coordinator.coordinator import Coordinator
from batchcls.coordinator.policy import Policy
from batchcls.messages import (
    Answer,
    Answered,
    Command,
    Event,
    Halt,
    Lease,
    Record,
    WorkerDied,
    WorkerReady,
    WorkerStats,
)
from tests.support.world import ListedWork, convict


class Story:
    """Tells a coordinator events, and keeps what it commands."""

    def __init__(
        self,
        total: int,
        workers: int = 1,
        *,
        carried: frozenset[int] = frozenset(),
        listed: bool = True,
        **policy: int,
    ) -> None:
        numbers = {"chunk": 2, **policy}
        self.coordinator = Coordinator(
            workers,
            convict,
            Policy(**numbers),  # type: ignore[arg-type]  # by name
        )
        self.work = ListedWork(total, carried=carried)
        self.coordinator.start()
        if listed:
            self.coordinator.begin(self.work, 0)
        self.recorded: list[Answer] = []
        self.last: list[Command] = []

    def tell(self, *events: Event) -> list[Command]:
        self.last = []
        for event in events:
            self.last += self.coordinator.handle(event)
            while commands := self.coordinator.advance():
                self.last += commands
                if any(isinstance(command, Halt) for command in commands):
                    break
        for command in self.last:
            if isinstance(command, Record):
                self.recorded += command.answers
        return self.last

    def ready(self, worker: int = 0) -> list[Lease]:
        return leases(self.tell(WorkerReady(worker, {})))

    def answer(self, lease: Lease, index: int, rss: int = 0, failed: bool = False) -> list[Command]:
        answer = Answer(index, b"line", "corrupt" if failed else None)
        stats = WorkerStats(rss=rss) if rss else None
        return self.tell(Answered(lease.worker, lease.lease, (answer,), stats))

    def die(self, *in_flight: int, worker: int = 0) -> list[Command]:
        return self.tell(WorkerDied(worker, "SIGSEGV", in_flight=in_flight))

    @property
    def halted(self) -> bool:
        return any(isinstance(command, Halt) for command in self.last)


def leases(commands: list[Command]) -> list[Lease]:
    return [command for command in commands if isinstance(command, Lease)]
