"""OpenCV's limits go into the environment before any test of this folder imports it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")


@pytest.fixture(autouse=True)
def _nothing_left_in_tmp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Codecs that spill to the temporary folder would be seen here."""
    spill = tmp_path / "tmpdir"
    spill.mkdir()
    monkeypatch.setenv("TMPDIR", str(spill))
    yield
    assert not list(spill.iterdir())
