"""What a reader relies on: modules that say what they are, small, cheap to import."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.tree import ROOT

MODULES = sorted((ROOT / "batchcls").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
MOST_LINES = 300
HEAVY = ("openvino", "cv2", "numpy", "rich", "tqdm", "multiprocessing", "asyncio")


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_a_module_says_in_its_first_line_what_it_owns_or_decides(path: Path) -> None:
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    first = docstring.partition("\n")[0]
    assert len(first) > len("Own.")
    assert first[-1] in ".?:"
    assert first[0].isupper() or first[0] in "`b"


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_a_module_can_be_read_in_one_go(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MOST_LINES


def test_no_module_shadows_a_library_or_is_a_drawer() -> None:
    words = {"utils", "base", "common", "helpers", "manager", "handler", "processor", "misc"}
    stems = {path.stem for path in MODULES} - {"__init__", "__main__"}
    assert not stems & words
    own = {p.stem for p in MODULES if p.parent == ROOT / "batchcls"} - {"__init__", "__main__"}
    assert not own & {"rich", "tqdm", "ray", "cv2", "openvino", "numpy", "typer"}


def imported_by(statement: str) -> set[str]:
    program = f"{statement}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, check=True, cwd=ROOT
    )
    return {*done.stdout.split()}


@pytest.mark.parametrize("module", ["batchcls", "batchcls.cli.main", "batchcls.job.file"])
def test_the_command_line_starts_light(module: str) -> None:
    assert not imported_by(f"import {module}") & {*HEAVY}


@pytest.mark.parametrize(
    "module", ["running.run", "running.resume", "report.reading", "cli.run_progress"]
)
def test_the_coordinator_loads_no_native_code_that_decodes_or_infers(module: str) -> None:
    assert not imported_by(f"import batchcls.{module}") & {"openvino", "cv2", "numpy"}


@pytest.mark.parametrize(
    ("statement", "most", "late"),
    [
        (
            "import batchcls.cli.run, batchcls.cli.main, batchcls.running.run",
            104,
            "batchcls.cli.bench batchcls.display.table batchcls.running.session hashlib ctypes",
        ),
        (
            "import batchcls.worker.__main__",
            50,
            "batchcls.worker.night_check batchcls.model.devices.agreement batchcls.running",
        ),
    ],
    ids=["before a worker is started", "by a worker"],
)
def test_little_is_imported(statement: str, most: int, late: str) -> None:
    """Half a millisecond each, before the first line; what is used later is imported later."""
    found = imported_by(statement)
    assert len([name for name in found if name.split(".")[0] == "batchcls"]) <= most
    assert not found & {*late.split()}


def test_helpers_of_tests_are_imported_from_support_alone() -> None:
    """A test module or conftest.py that others import cannot be read, or changed, alone."""
    for path in TESTS:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            words: list[str] = []
            if isinstance(node, ast.ImportFrom):
                words = [f"{node.module}.{alias.name}" for alias in node.names]
            elif isinstance(node, ast.Import):
                words = [alias.name for alias in node.names]
            for word in words:
                parts = word.split(".")
                ours = parts[0] == "tests"
                private = any(part.startswith("test_") or part == "conftest" for part in parts)
                assert not (ours and private), f"{name(path)} imports {word}"


@pytest.mark.parametrize("folder", sorted({path.parent for path in TESTS}), ids=name)
def test_a_folder_of_tests_is_called_as_what_it_tests(folder: Path) -> None:
    tests = folder.relative_to(ROOT / "tests")
    if tests.parts[:1] not in {("support",), ("jobs",)}:
        assert (ROOT / "batchcls" / tests).is_dir()
