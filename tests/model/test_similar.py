"""The rows most like one: exact in blocks of every size, and never a row without features."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchcls.errors import RefusedError
from batchcls.model import similar


@given(st.integers(1, 60), st.integers(1, 8), st.integers(1, 70), st.integers(0, 2**32 - 1))
def test_blocks_give_what_all_at_once_gives(rows: int, size: int, block: int, seed: int) -> None:
    chance = np.random.default_rng(seed)
    values = chance.integers(-3, 4, (rows, size)).astype(np.float16)  # many are alike, some are 0
    values[chance.random(rows) < 0.2] = np.nan
    query = chance.integers(1, 4, size).astype(np.float16)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(similar, "BLOCK", block)
        found = similar.similar(values, query, 5, without=0)
    wide = values.astype(np.float64)
    lengths = np.linalg.norm(wide, axis=1) * np.linalg.norm(query.astype(np.float64))
    with np.errstate(invalid="ignore", divide="ignore"):
        cosines = wide @ query.astype(np.float64) / lengths
    cosines[0] = np.nan
    usable = np.flatnonzero(np.isfinite(cosines))
    assert len(found) == min(5, len(usable))
    for place, (row, cosine) in enumerate(found):
        assert row in usable
        assert cosine == pytest.approx(np.sort(cosines[usable])[::-1][place], abs=1e-5)


def test_what_is_no_file_of_rows_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    with pytest.raises(RefusedError, match="No such file"):
        similar.rows_of(path)
    path.write_bytes(b"no array")
    with pytest.raises(RefusedError, match=r"no whole \.npy file"):
        similar.rows_of(path)
    np.save(path, np.zeros((2, 3)))
    with pytest.raises(RefusedError, match=r"expected rows of float16.*float64 of shape \(2, 3\)"):
        similar.rows_of(path)
