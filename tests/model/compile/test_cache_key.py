"""The key of kept compiled models: every module that makes them counts."""

import shutil
from pathlib import Path

import numpy as np
import pytest

import batchcls.model
from batchcls.model.compile.cache_key import code_hash, this_compiler
from batchcls.model.devices import cpu
from batchcls.model.runtime import openvino
from batchcls.version import __version__

PACKAGE = Path(batchcls.model.__path__[0])
MODULES = sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))


@pytest.fixture
def package(tmp_path: Path) -> Path:
    return Path(
        shutil.copytree(PACKAGE, tmp_path / "model", ignore=shutil.ignore_patterns("*.pyc"))
    )


@pytest.mark.runs
@pytest.mark.parametrize("module", MODULES, ids=str)
def test_a_change_in_any_module_of_the_package_is_another_key(package: Path, module: Path) -> None:
    before = code_hash(package)
    assert before == code_hash(PACKAGE)
    with (package / module).open("a") as file:
        file.write("\n")
    assert code_hash(package) != before


def test_a_module_that_moves_is_another_key(package: Path) -> None:
    before = code_hash(package)
    (package / "deeper").mkdir()
    (package / "probe.py").rename(package / "deeper" / "probe.py")
    assert code_hash(package) != before


def test_what_compiles_is_this_code_on_this_processor_with_these_libraries() -> None:
    assert this_compiler() == {
        "batchcls": [__version__, code_hash(PACKAGE)],
        "openvino": [openvino.get_version(), np.__version__],
        "processor": this_compiler()["processor"],
    }
    assert this_compiler()["processor"].items() <= cpu.facts().items()
    assert {"flags", "Features"} & {*this_compiler()["processor"]}
