"""A minute under load, with workers killed: nothing grows, nothing is left behind."""

from argparse import Namespace
from pathlib import Path

import pytest

from jobs.measure import soak

pytestmark = pytest.mark.runs


@pytest.mark.faults
@pytest.mark.timeout(240)
def test_a_minute_of_load_leaves_memory_files_and_processes_flat(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A minute is a sixth of what jobs.measure.soak takes: less is learned about slopes and rates.

    The built-in model, so that no real data is needed; each image is a line of its own.
    """
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    shared = {path.name for path in Path("/dev/shm").iterdir()}
    soak.draw(tmp_path / "drawn", 50)
    drawn = Namespace(data=None, images=tmp_path / "drawn", model=None)
    words = soak.prepare(tmp_path, drawn, 60_000)
    seen = soak.soak(words, tmp_path, 75, 10)
    print(seen)
    assert seen["kills"] >= 5
    assert seen["kills"] - 2 <= seen["restarts"] <= seen["kills"], "some may be starting"
    assert seen["images"] > 1000
    assert seen["mb_per_minute"] < 1
    assert seen["files_at_last"] <= seen["files_at_first"] + 1, "one is being written at times"
    assert seen["zombies"] <= 1
    assert seen["mb"] < 200
    # For each second of CPU time: how much of that it gets is up to what else runs here.
    assert seen["the_same_per_cpu_s"] > 0.85
    assert list(temporary.iterdir()) == []
    assert {path.name for path in Path("/dev/shm").iterdir()} <= shared
