"""What workers find in their environment: this very batchcls, and libraries as Python has them."""

import os
import subprocess
from pathlib import Path

from batchcls.backends import launch
from batchcls.backends.environment import environment

PACKAGE = Path(launch.__file__).parents[1]
SHOW = "import sys, batchcls; print(batchcls.__file__); print(*sys.path, sep='\\n')"


def test_numpy_starts_no_threads_of_its_own() -> None:
    found = environment({"OPENBLAS_NUM_THREADS": "8", "HOME": "/h"})
    assert found == {"OPENBLAS_NUM_THREADS": "1", "HOME": "/h"}


def test_a_module_is_run_by_this_batchcls_and_by_no_other(tmp_path: Path) -> None:
    other = tmp_path / "batchcls"
    other.mkdir()
    (other / "__init__.py").write_text("raise SystemExit('another batchcls')")
    (tmp_path / "show.py").write_text(SHOW)
    done = subprocess.run(
        launch.command("show"),
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    found, first, *path = done.stdout.splitlines()
    assert Path(found) == PACKAGE / "__init__.py"
    assert first == str(tmp_path)  # what the user put there
    assert path.index(str(Path(os.__file__).parent)) < path.index(str(PACKAGE.parent))


def test_nothing_is_imported_from_the_current_directory(tmp_path: Path) -> None:
    for name in ("json", "runpy", "show"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('from the images')")
    done = subprocess.run(
        launch.command("show"), cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert "No module named show" in done.stderr
