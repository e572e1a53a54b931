"""Damaged files give pixels or an `ImageError`, and never take the process with them."""

from pathlib import Path

import pytest

from tests.support.damaged_files import KINDS, SEED, decode_damaged

FORMATS = ("jpeg", "png", "webp", "bmp", "tiff", "gif", "avif", "jp2")


@pytest.mark.runs
@pytest.mark.parametrize("form", FORMATS)
def test_5000_damaged_files(form: str, tmp_path: Path) -> None:
    outcomes = decode_damaged(form, 5000, tmp_path)
    assert sum(outcomes.values()) == 5000
    assert outcomes.keys() <= KINDS
    assert outcomes["ok"] > 100  # the damage is neither all fatal …
    assert outcomes["corrupt"] > 100  # … nor all harmless


@pytest.mark.faults
@pytest.mark.timeout(600)
@pytest.mark.parametrize("form", FORMATS)
def test_50000_more_damaged_files(form: str, tmp_path: Path) -> None:
    outcomes = decode_damaged(form, 50_000, tmp_path, first=SEED + 100_000)
    assert sum(outcomes.values()) == 50_000
    assert outcomes.keys() <= KINDS
