"""64 machines of 64 workers: what a call of the coordinator costs, and how much memory.

Run as a program with a folder and a number of images, it works through these and prints its cost.
"""

import gc
import json
import random
import subprocess
import sys
import time
from collections import deque
from pathlib import Path

import pytest

from batchcls.coordinator.coordinator import Coordinator
from batchcls.images import Folder, ImageRef
from batchcls.messages import Answer, Answered, Lease, MachineJoined, Record, WorkerReady
from batchcls.results.overflow import Overflow
from tests.support.processes import peak_mb
from tests.support.tree import ROOT
from tests.support.world import ListedWork, convict

MACHINES, WORKERS = 64, 64
PLACE = Folder("/mnt/photos")
LINE = b'{"i":%d,"path":"d%04d/image_%08d.jpg","top":[' + b'{"label":"tabby","score":0.9},' * 9
"""And behind it what does not compress, 30 bytes of it, as the digits of scores do not."""


class Photos(ListedWork):
    """Images with paths as long as they usually are."""

    def take(self, count: int) -> list[ImageRef | Answer]:
        first, self.next = self.next, min(self.total, self.next + count)
        return [
            ImageRef(i, f"d{i >> 12:04}/image_{i:08}.jpg", PLACE) for i in range(first, self.next)
        ]


def work(folder: Path, count: int) -> dict[str, float]:
    """Answer every lease in full; that of the first image, which hangs, when nothing is left."""
    overflow = Overflow(folder, 0)
    coordinator = Coordinator(0, convict, open_spill=lambda: overflow)
    chance = random.Random(1)
    spilled = 0
    leases: deque[Lease] = deque()
    hanging: list[Lease] = []
    recorded = 0
    spent: list[float] = []

    def advance() -> None:
        nonlocal recorded
        commands = None
        while commands != []:
            began = time.process_time()
            commands = coordinator.advance()
            spent.append(time.process_time() - began)
            for command in commands:
                if isinstance(command, Lease):
                    (hanging if command.images[0].index == 0 else leases).append(command)
                elif isinstance(command, Record):
                    recorded += len(command.answers)

    for machine in range(1, MACHINES + 1):
        workers = range(WORKERS * machine, WORKERS * (machine + 1))
        coordinator.handle(MachineJoined(machine, f"node{machine}", tuple(workers)))
    coordinator.begin(Photos(count), 0)
    for worker in coordinator.slots:
        coordinator.handle(WorkerReady(worker, {}))
    advance()
    steady = caught_up = len(spent)
    while leases or hanging:
        if not leases:
            caught_up, spilled = len(spent), overflow.size
            leases.appendleft(hanging.pop())
        leases.rotate(-chance.randrange(3))
        lease = leases.popleft()
        answers = tuple(
            Answer(
                i.index,
                LINE % (i.index, i.index >> 12, i.index) + chance.randbytes(15).hex().encode(),
            )
            for i in lease.images
        )
        coordinator.handle(Answered(lease.worker, lease.lease, answers))
        advance()
    assert recorded == count
    usual = sorted(spent[steady:caught_up])
    return {
        "images": count, "advances": len(spent), "mb": peak_mb(), "spilled_mb": spilled / 1e6,
        "mean_ms": 1e3 * sum(usual) / len(usual),
        "median_ms": 1e3 * usual[len(usual) // 2],
        "p999_ms": 1e3 * usual[int(0.999 * len(usual))],
    }  # fmt: skip


@pytest.mark.faults
@pytest.mark.runs
@pytest.mark.timeout(900)
def test_many_machines_cost_little_time_and_memory(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.coordinator.test_many_machines", str(tmp_path), "2000000"],
        check=True, stdout=subprocess.PIPE, cwd=ROOT,
    )  # fmt: skip
    seen = json.loads(done.stdout)
    print(seen)
    assert seen["mean_ms"] < 1
    assert seen["p999_ms"] < 1
    assert seen["mb"] < 300
    assert seen["spilled_mb"] > 10


if __name__ == "__main__":
    gc.set_threshold(50_000)  # as `batchcls.__main__` has it
    print(json.dumps(work(Path(sys.argv[1]), int(sys.argv[2]))))
