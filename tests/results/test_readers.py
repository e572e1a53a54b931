"""Results are read without options by the readers that people have, wherever failures stand.

Run by `tox -e readers`, which has them.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from batchcls.images import Failure, ImageRef, Prediction
from batchcls.results import record

pd = pytest.importorskip("pandas", reason="tox -e readers")
pl = pytest.importorskip("polars", reason="tox -e readers")
duckdb = pytest.importorskip("duckdb", reason="tox -e readers")
pyarrow_json = pytest.importorskip("pyarrow.json", reason="tox -e readers")
datasets = pytest.importorskip("datasets", reason="tox -e readers")

pytestmark = pytest.mark.filterwarnings("default")  # the readers' own

Row = tuple[str, int, str]
"""Path, number of classes, kind of failure."""


def answer(index: int, **facts: float | str) -> bytes:
    classes = [Prediction(281, "tabby", 1.0), Prediction(7, "NA", 0.0)]
    return record.ok_line(ImageRef(index, f"a/{index}.jpg"), classes, facts)


def nothing(index: int) -> bytes:
    return record.ok_line(ImageRef(index, f"a/{index}.jpg"), [])


def failed(index: int) -> bytes:
    failure = Failure("truncated", "the file ends before the picture does")
    return record.failure_line(ImageRef(index, f"a/{index}.jpg"), failure)


def unreadable_name(index: int) -> bytes:
    return record.ok_line(ImageRef(index, os.fsdecode(b"a/\xff.jpg")), [Prediction(0, "x", 0.5)])


FILES: dict[str, list[bytes]] = {
    "first failure at line 30,001": [
        *(answer(n) for n in range(30_000)), failed(30_000), answer(30_001)
    ],
    "first fifty all failed": [
        *(failed(n) for n in range(50)), *(answer(n) for n in range(50, 99))
    ],
    "no class above the threshold": [answer(0), *(nothing(n) for n in range(1, 200))],
    "facts": [answer(n, margin=0.0, width=640, sha256="0" * 64) for n in range(300)],
    "a name that is not UTF-8, late": [
        *(answer(n) for n in range(25_000)), unreadable_name(25_000), answer(25_001)
    ],
    "all failed": [failed(n) for n in range(20)],
}  # fmt: skip


def by_pandas(path: Path) -> list[Row]:
    frame = pd.read_json(path, lines=True)
    return [(r.path, len(r.top), r.error["kind"]) for r in frame.itertuples()]


def by_polars(path: Path) -> list[Row]:
    frame = pl.read_ndjson(path)
    return [(r["path"], len(r["top"]), r["error"]["kind"]) for r in frame.iter_rows(named=True)]


def by_duckdb(path: Path) -> list[Row]:
    found: list[Row] = duckdb.sql(f"select path, len(top), error.kind from '{path}'").fetchall()
    return found


def by_pyarrow(path: Path) -> list[Row]:
    rows = pyarrow_json.read_json(path).to_pylist()
    return [(r["path"], len(r["top"]), r["error"]["kind"]) for r in rows]


def by_datasets(path: Path) -> list[Row]:
    rows = datasets.load_dataset(
        "json", data_files=str(path), split="train", cache_dir=str(path.parent / "cache")
    )
    return [(r["path"], len(r["top"]), r["error"]["kind"]) for r in rows]


@pytest.mark.timeout(240)
@pytest.mark.parametrize("read", [by_pandas, by_polars, by_duckdb, by_pyarrow, by_datasets])
@pytest.mark.parametrize("name", FILES)
def test_every_line_is_a_row(
    name: str, read: Callable[[Path], list[Row]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    path = tmp_path / "results.jsonl"
    path.write_bytes(b"".join(line + b"\n" for line in FILES[name]))
    expected = []
    for line in FILES[name]:
        found: Any = record.parse(line)
        shown = found.path.encode(errors="surrogateescape").decode(errors="replace")
        expected.append((shown, len(found.top), found.failure.kind if found.failure else ""))
    assert [tuple(row) for row in read(path)] == expected
