"""The key of kept compiled models: every module that makes them counts."""

import shutil
from pathlib import Path

import pytest

import batchcls.model
from batchcls.model.compile.cache_key import code_hash

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
