"""The file of features as NumPy reads it, whatever its shape."""

import io

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from batchcls.results.embeddings import HEAD, head, place


@given(st.integers(0, 10**12), st.integers(1, 10**6))
def test_its_head_is_numpys(images: int, size: int) -> None:
    data = head(images, size)
    assert len(data) == HEAD
    stream = io.BytesIO(data)
    assert np.lib.format.read_magic(stream) == (1, 0)
    shape, fortran, dtype = np.lib.format.read_array_header_1_0(stream)
    assert shape == (images, size)
    assert not fortran
    assert dtype == np.dtype(np.float16)


@given(st.integers(1, 40), st.integers(1, 30), st.integers(0, 99))
def test_rows_in_any_order_stand_where_numpy_looks_for_them(
    images: int, size: int, seed: int
) -> None:
    file = bytearray(head(images, size).ljust(place(images, size), b"\0"))
    wanted = np.arange(images * size, dtype=np.float16).reshape(images, size)
    order = np.random.default_rng(seed).permutation(images)
    for index in order:
        row = wanted[index].tobytes()
        at = place(int(index), size)
        file[at : at + len(row)] = row
    np.testing.assert_array_equal(np.load(io.BytesIO(bytes(file))), wanted)
