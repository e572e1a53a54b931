"""A minute under load, with workers killed: nothing grows, nothing is left behind."""

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


def soak_module() -> Any:
    spec = importlib.util.spec_from_file_location("soak", ROOT / "jobs" / "soak.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["soak"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.faults
@pytest.mark.timeout(240)
def test_a_minute_of_load_leaves_memory_files_and_processes_flat(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A minute is a sixth of what jobs/soak.py takes: less is learned about slopes and rates.

    The built-in model, so that no real data is needed; each image is a line of its own.
    """
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    shared = {path.name for path in Path("/dev/shm").iterdir()}
    soak = soak_module()
    soak.draw(tmp_path / "drawn", 50)
    words = soak.prepare(tmp_path, tmp_path / "drawn", None, 60_000)
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
