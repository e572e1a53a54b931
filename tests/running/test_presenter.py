"""How often the state of a run is summed up for those who look at it."""

from pathlib import Path

import pytest

from batchcls.display.progress.progress import Progress
from batchcls.display.snapshot import Snapshot
from batchcls.job.job import Job
from batchcls.results.rundir import RunPaths
from batchcls.running.presenter import Presenter


class CountingProgress(Progress):
    """Counts how often it is summed up."""

    sums = 0

    def snapshot(self, now: float, wall: float | None = None) -> Snapshot:
        self.sums += 1
        return super().snapshot(now, wall)


@pytest.mark.parametrize(("kind", "most"), [("none", 10), ("plain", 10), ("bar", 40)])
def test_a_run_is_summed_up_as_often_as_somebody_sees_it(
    kind: str, most: int, tmp_path: Path
) -> None:
    progress = CountingProgress(started=0.0)
    presenter = Presenter(Job(progress=kind), RunPaths.of(tmp_path / "r"), progress)
    presenter.open()
    for tick in range(1000):
        presenter.show(100.0 + tick / 100)
    assert progress.sums == most
    progress.on_state("running")
    presenter.show(109.995)
    assert progress.sums == most + 1, "a change of state is seen at once"
