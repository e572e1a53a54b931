"""Results that are hard to export."""

from pathlib import Path

import pytest

from tests.support.hostile_results import put


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return put(tmp_path / "results.jsonl")
