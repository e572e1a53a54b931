"""Makes Arrow's record batches of a table's rows, a bounded number at a time.

Arrays are made from buffers: `pyarrow.array` imports pandas, where it is installed, for 55 MB and
half a second.
"""

from array import array
from collections.abc import Iterator, Sequence
from itertools import accumulate, islice
from typing import Any

from batchcls.errors import SetupError
from batchcls.report.export.columns import Column, Value
from batchcls.version import PYARROW

ROWS = 1 << 12
"""Of a batch; as many are Python's objects at once."""


def needed() -> Any:
    """The library pyarrow.

    Raises:
        SetupError: it is not installed.
    """
    try:
        import pyarrow as pa
    except ImportError as error:
        raise SetupError(f"this kind of export needs pyarrow: pip install '{PYARROW}'") from error
    return pa


def schema_of(pa: Any, columns: list[Column]) -> Any:
    """What Arrow calls these columns."""
    types = {int: pa.int64(), float: pa.float64(), str: pa.string()}
    return pa.schema([(column.name, types[column.type]) for column in columns])


def batches(
    pa: Any, columns: list[Column], rows: Iterator[tuple[Value, ...]], size: int = ROWS
) -> Iterator[Any]:
    """All rows, as record batches."""
    schema = schema_of(pa, columns)
    while some := list(islice(rows, size)):
        arrays = []
        for values, column, field in zip(zip(*some, strict=True), columns, schema, strict=True):
            buffers = [b if b is None else pa.py_buffer(b) for b in _buffers(values, column.type)]
            arrays.append(pa.Array.from_buffers(field.type, len(values), buffers))
        yield pa.record_batch(arrays, schema=schema)


def _buffers(values: Sequence[Any], kind: type) -> list[bytes | None]:
    """A column as Arrow lays it out: which values are there, for text where each ends, the values.

    See https://arrow.apache.org/docs/format/Columnar.html.
    """
    valid = None
    if None in values:
        bits = "".join(["0" if value is None else "1" for value in reversed(values)])
        valid = int(bits, 2).to_bytes(-(-len(values) // 8), "little")
    if kind is str:
        texts = [b"" if value is None else value.encode() for value in values]
        ends = array("i", accumulate(map(len, texts), initial=0))
        return [valid, ends.tobytes(), b"".join(texts)]
    return [valid, array("q" if kind is int else "d", [value or 0 for value in values]).tobytes()]
