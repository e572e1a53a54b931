"""Tables are read back as they were written, by the lines that the page gives.

Run by `tox -e readers`, which has the readers.
"""

import ast
import re
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from batchcls.cli.main import main
from batchcls.images import Failure, ImageRef, Prediction
from batchcls.report.export.kinds.csv import FORMULA
from batchcls.results import record
from tests.support.hostile_results import LABELS, NOT_UTF8, NUL, lines, put
from tests.support.tree import ROOT

pd = pytest.importorskip("pandas", reason="tox -e readers")
pl = pytest.importorskip("polars", reason="tox -e readers")
duckdb = pytest.importorskip("duckdb", reason="tox -e readers")
pa = pytest.importorskip("pyarrow", reason="tox -e readers")
pytest.importorskip("pyarrow.feather")
pytest.importorskip("pyarrow.parquet")

pytestmark = pytest.mark.filterwarnings("default")  # the readers' own

PAGE = (ROOT / "batchcls/report/export/README.md").read_text(encoding="utf-8")
LINES = [
    ast.unparse(statement)
    for block in re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    for statement in ast.parse(block).body
    if "out." in ast.unparse(statement)
]
KNOWN: dict[str, Any] = {
    "pandas": pd, "polars": pl, "duckdb": duckdb, "pyarrow": pa, "sqlite3": sqlite3,
    "text": ast.literal_eval(re.findall(r"^text = (.*)$", PAGE, re.MULTILINE)[0]),
}  # fmt: skip
COLUMNS = ["i", "path", "path_b64", "index", "label", "score", "error", "message"]
FACTS = ["phash", "captured", "camera", "gps"]


def answer(index: int, label: str = "tabby") -> bytes:
    return record.ok_line(ImageRef(index, f"d/{index}.jpg"), [Prediction(7, label, 0.25)])


def with_facts(index: int, *facts: str) -> bytes:
    known = dict(zip(FACTS, facts, strict=True))
    return record.ok_line(ImageRef(index, f"{index}"), [Prediction(7, "tabby", 0.25)], known)


def failed(index: int) -> bytes:
    return record.failure_line(ImageRef(index, f"d/{index}.jpg"), Failure("empty", "no bytes"))


FILES = {
    "hostile": lines([NUL, *LABELS]),
    "numbers as labels": [answer(n, f"{n:04}") for n in range(300)],
    "late": [
        *(answer(n) for n in range(30_000)), failed(30_000), answer(30_001, "a\nb"),
        record.ok_line(ImageRef(30_002, NOT_UTF8), [Prediction(0, "x", 1.0)]),
    ],
    "the first all failed": [
        *(failed(n) for n in range(3000)), *(answer(n) for n in range(3000, 3100))
    ],
    "all failed": [failed(n) for n in range(20)],
    "facts": [
        with_facts(0, "1234567890123456", "2024-05-01T13:45:12", "300", "-33.859833,151.200000"),
        with_facts(1, "12e4567890123456", "2024-05-01T13:45:12+02:00", "", "59.913900,10.752200"),
        with_facts(2, "0000000000000000", "", "=1", ""),
        failed(3),
    ],
}  # fmt: skip


def rows_of(found: Any, columns: list[str]) -> list[tuple[Any, ...]]:
    """What any of the readers gives, as tuples in the order of `columns`, None where empty."""
    if isinstance(found, pd.DataFrame):
        rows = found[columns].astype(object).itertuples(index=False, name=None)
    elif isinstance(found, pl.DataFrame):
        rows = found[columns].iter_rows()
    elif isinstance(found, pa.Table):
        rows = (tuple(row.values()) for row in found.select(columns).to_pylist())
    else:
        rows = iter(found.fetchall())
    return [tuple(None if v is None or v != v or v == "" else v for v in row) for row in rows]


def defused(text: str | None) -> str | None:
    return "'" + text if text and text.startswith(FORMULA) else text


def wants(line: str, name: str) -> bool:
    """Whether a line of the page is for this file: DuckDB has one for tables with facts."""
    return "read_csv('out.csv', t" not in line or ("captured" in line) is (name == "facts")


@pytest.mark.parametrize(
    ("line", "name"), [(line, name) for line in LINES for name in FILES if wants(line, name)]
)
def test_each_row_is_read_back(
    line: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    put(tmp_path / "results.jsonl", FILES[name])
    kind = re.findall(r"out\.(\w+)", line)[0]
    assert main(["export", "results.jsonl", "--to", kind, "-o", f"out.{kind}"]) == 0
    of = defused if kind == "csv" else lambda text: text
    expected = []
    for written in FILES[name]:
        found: Any = record.parse(written)
        best = found.top[0] if found.top else Prediction(0, "", 0.0)
        path = found.path.encode(errors="surrogateescape").decode(errors="replace")
        failure = (found.failure.kind, found.failure.message) if found.failure else (None, None)
        known = (best.index, of(best.label) or None, best.score) if found.top else (None,) * 3
        b64 = "ZC//LmpwZw==" if found.path == NOT_UTF8 else None
        facts = [found.extra.get(fact) or None for fact in FACTS] if name == "facts" else []
        facts[2:3] = map(of, facts[2:3])  # cameras are what somebody wrote
        expected.append((found.index, of(path), b64, *known, *failure, *facts))
    columns = [*COLUMNS, *FACTS] if name == "facts" else COLUMNS
    assert rows_of(eval(line, dict(KNOWN)), columns) == expected


def test_the_page_has_a_line_for_each_kind() -> None:
    assert {"csv", "parquet", "arrow", "sqlite"} <= {*re.findall(r"out\.(\w+)", "\n".join(LINES))}
