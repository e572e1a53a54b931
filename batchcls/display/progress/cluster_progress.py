"""Folds what happens on several machines into what a display needs: rows of machines. Pure."""

from collections.abc import Mapping
from typing import Any

from batchcls.display.progress.machine_rows import MachineRows
from batchcls.display.progress.progress import Progress
from batchcls.display.progress.worker_row import Row
from batchcls.display.snapshot import WorkerRow
from batchcls.messages import Event, MachineJoined, MachineLeftOut, MachineLost


class ClusterProgress(Progress):
    """The state of the display of a run on several machines.

    Args:
        settings: as for `Progress`.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._machines = MachineRows()

    def on_event(self, event: Event, now: float) -> None:
        """An event from a worker or a machine, at monotonic second `now`."""
        match event:
            case MachineJoined():
                self._machines.joined(event)
            case MachineLost(machine, cause):
                if name := self._machines.left(machine, "lost"):
                    self.warn(f"{name} was lost ({cause}); its images are done again")
            case MachineLeftOut(name, reason):
                self._machines.left_out(name)
                self.warn(f"{name} was left out: {reason}")
            case _:
                super().on_event(event, now)

    def on_retired(self, machine: int, reason: str) -> None:
        """Nothing more is taken from this machine."""
        if name := self._machines.left(machine, "retired"):
            self.warn(f"{name} labels no more images: {reason}")

    def _rows_of(self, worker: int) -> dict[str, Row]:
        return self._machines.of(worker)

    def _begin_rows(self, worker: int, nireq: Mapping[str, int], now: float) -> None:
        self._machines.ready(worker, nireq, now)

    def _died(self, worker: int, now: float) -> None:
        self._machines.died(worker)

    def _all_rows(self, now: float, *, ending: bool, idle: bool) -> list[WorkerRow]:
        return self._machines.snapshot(now, ending=ending)
