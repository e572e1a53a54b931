"""The lists of mutants stay true to the code: `tests.support.mutants` says what they are for."""

import pytest

from tests.support.mutants import PACKAGES, Mutant, mutants, source

ALL = [(package, mutant) for package in PACKAGES for mutant in mutants(package)]


@pytest.mark.parametrize(("package", "mutant"), ALL, ids=str)
def test_what_a_mutant_changes_is_there_once(package: str, mutant: Mutant) -> None:
    module, old, new = mutant
    assert source(package, module).read_text(encoding="utf-8").count(old) == 1
    assert old != new
