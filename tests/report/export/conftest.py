"""Results that are hard to export."""

import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.hostile_results import put


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return put(tmp_path / "results.jsonl")


@pytest.fixture
def small_files() -> Iterator[None]:
    """No file may become longer than 8 kB, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
