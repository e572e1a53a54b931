"""The machines of a cluster, as the display follows them: one row for each and its device. Pure.

A row stands for all workers of a machine: thousands of rows would be of use to nobody. A machine
that comes back goes on with its row, so that what it did before is counted; agents on one machine
share it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from batchcls.display.progress.description import DEVICES_PER_WORKER
from batchcls.display.progress.worker_row import Row
from batchcls.display.snapshot import WorkerRow
from batchcls.messages import MachineJoined


@dataclass(slots=True)
class _Machine:
    name: str
    rows: dict[str, Row] = field(default_factory=dict)  # by device
    workers: set[int] = field(default_factory=set)
    died: set[int] = field(default_factory=set)
    gone: str = ""  # the state of one that is not here
    losses: int = 0
    restarts: int = 0


class MachineRows:
    """The machines that have come since the session began; none on a run without a cluster."""

    def __init__(self) -> None:
        self._machines: dict[str, _Machine] = {}
        self._joined: dict[int, MachineJoined] = {}
        self._of: dict[int, _Machine] = {}  # by number of a worker

    def joined(self, event: MachineJoined) -> None:
        """It is there to work."""
        machine = self._machine(event.name)
        machine.gone = ""
        machine.workers.update(event.workers)
        self._joined[event.machine] = event
        self._of.update(dict.fromkeys(event.workers, machine))

    def left(self, number: int, state: str) -> str:
        """It is lost or retired, and so are those of its workers that came with it.

        Args:
            number: of the machine.
            state: to show from now on.

        Returns:
            Its name.
        """
        if (event := self._joined.pop(number, None)) is None:
            return ""
        machine = self._machine(event.name)
        machine.losses += 1
        machine.workers -= set(event.workers)
        machine.died -= set(event.workers)
        for worker in event.workers:
            self._of.pop(worker, None)
        machine.gone = "" if machine.workers else state
        return event.name

    def left_out(self, name: str) -> None:
        """It never joined."""
        machine = self._machine(name)
        if not machine.workers:
            machine.gone = "left out"

    def of(self, worker: int) -> dict[str, Row]:
        """The rows of a worker's machine by device; nobody's where its machine is gone."""
        machine = self._of.get(worker)
        return {} if machine is None else machine.rows

    def ready(self, worker: int, nireq: Mapping[str, int], now: float) -> None:
        """A worker has loaded the model; `nireq` has its infer requests by device."""
        if (machine := self._of.get(worker)) is None:
            return
        if worker in machine.died:
            machine.died.discard(worker)
            machine.restarts += 1
        for device, requests in nireq.items():
            if device not in machine.rows and len(machine.rows) < DEVICES_PER_WORKER:
                machine.rows[device] = Row(-1, device)
            if device in machine.rows:
                machine.rows[device].ready(now, requests)

    def died(self, worker: int) -> None:
        """A worker is gone."""
        if (machine := self._of.get(worker)) is not None:
            machine.died.add(worker)

    def snapshot(self, now: float, *, ending: bool) -> list[WorkerRow]:
        """The rows at monotonic second `now`, as those of workers are."""
        return [
            self._row(machine, row.snapshot(now, ending=ending), ending=ending)
            for machine in self._machines.values()
            for row in (machine.rows or {"": Row(-1, "")}).values()
        ]

    def _row(self, machine: _Machine, row: WorkerRow, *, ending: bool) -> WorkerRow:
        # At the end all workers leave, and are no loss.
        here = machine.workers if ending else machine.workers - machine.died
        return replace(
            row,
            machine=machine.name,
            workers=len(here),
            in_flight=0,
            rss=0,
            restarts=machine.restarts,
            losses=machine.losses,
            state=machine.gone or row.state,
            rate=0.0 if machine.gone else row.rate,
        )

    def _machine(self, name: str) -> _Machine:
        return self._machines.setdefault(name, _Machine(name))
