"""Many records are exported in memory that does not grow with them.

How long a million takes is for `jobs.measure.export_cost`.
"""

from pathlib import Path

import pytest

from batchcls.report.export.kind import KINDS
from jobs.measure.export_cost import cost_of, put_results

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]

RECORDS = 250_000
IN_PLACE = ("folders", "xmp")
"""Kinds that need the images themselves."""


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("many") / "results.jsonl"
    put_results(path, RECORDS)
    return path


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in IN_PLACE])
def test_records_take_little_memory(kind: str, many: Path, tmp_path: Path) -> None:
    if kind in ("parquet", "arrow"):
        pytest.importorskip("pyarrow", reason="python -m jobs.measure.export_cost")
    cost = cost_of(["export", str(many), "--to", kind, "-o", str(tmp_path / "out")])
    assert cost.mb < 150
