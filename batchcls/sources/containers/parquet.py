"""Lists the rows of a Parquet table whose column holds images, and reads one of them.

Rules of this file:

1. A row's name is its number. To list, the footer is read and no row: `--names` does not matter.
2. A thread goes forward through a row group, a few rows at a time: whoever wrote the table may have
   put gigabytes into one group. Neighbours cost one step, a row before that one begins again.
3. Only the images' bytes are read. A path in the table leads anywhere, so nothing opens it.
"""

from collections import deque
from collections.abc import Iterator
from typing import IO, Any

from batchcls.images import LARGEST, ImageRef, Member
from batchcls.sources.containers.handle import Handle
from batchcls.sources.containers.listed import DamagedError, Left, Listed
from batchcls.sources.containers.table_columns import (
    NEEDED,
    NONE_FOUND,
    arrow_file,
    column_of,
    value_of,
    values_of,
)

AT_ONCE = 16
"""Rows in memory."""

BUFFER = 1 << 20
GROUP = 32
"""Bits of a place's offset below those of the row group: the row in it."""


def members(file: IO[bytes], size: int, left: Left) -> Iterator[Listed]:
    """The rows of a table, if it has a column of images.

    Args:
        file: open for reading bytes.
        size: its length.
        left: takes a table that has no images; else all rows are.

    Raises:
        DamagedError: it is no Parquet file, or which column holds the images cannot be known.
    """
    try:
        table = _open(file)
    except ImportError:
        raise DamagedError(NEEDED) from None
    if not (column := column_of(table.schema_arrow)):
        left.why[NONE_FOUND] += 1
        return
    row = 0
    for group, rows in enumerate(_rows_of_groups(table, column)):
        for inside in range(rows):
            yield Listed(str(row).encode(), 0, group << GROUP | inside, 0, 0, 0)
            row += 1


def read(handle: Handle, image: ImageRef, member: Member) -> bytes:
    """A row's image.

    Raises:
        ImageError: empty where its bytes are null; corrupt where its page is damaged.
    """
    return value_of(lambda: _value(handle, member))


def _value(handle: Handle, member: Member) -> bytes | None:
    rows: _Rows | None = handle.kept
    if rows is None:
        rows = handle.kept = _Rows(handle)
    return rows.value(member.offset >> GROUP, member.offset & LARGEST)


class _Rows:
    """The rows of a table on their way, in one row group at a time."""

    def __init__(self, handle: Handle) -> None:
        self._table = _open(handle.file())
        self._column = column_of(self._table.schema_arrow)
        self._group = -1
        self._batches: Iterator[Any] = iter(())
        self._next = 0
        self._kept: deque[tuple[int, int, Any]] = deque(maxlen=handle.batches)

    def value(self, group: int, row: int) -> bytes | None:
        for of_group, first, values in reversed(self._kept):
            if of_group == group and first <= row < first + len(values):
                kept: bytes | None = values[row - first].as_py()
                return kept
        # A step that fails ends the generator: every row behind it fails at once from then on.
        if group != self._group or row < self._next:
            self._group, self._next = group, 0
            self._batches = self._table.iter_batches(
                AT_ONCE, row_groups=[group], columns=[self._column], use_threads=False
            )
        while row >= self._next:
            if len(self._kept) == self._kept.maxlen:
                self._kept.popleft()  # before the next one is there, too
            batch = next(self._batches, None)
            if batch is None:
                raise IndexError("the row group ends early")
            first, values = self._next, values_of(batch, self._column)
            self._next += len(values)
            self._kept.append((group, first, values))
        value: bytes | None = values[row - first].as_py()
        return value


def _rows_of_groups(table: Any, column: str) -> list[int]:
    """How many rows each group has, where all that the footer says of it agrees."""
    metadata = table.metadata
    # Neither bytes nor those of a struct are repeated: a row has one value, perhaps null.
    leaf = next(n for n in range(metadata.num_columns) if table.schema.column(n).path == column)
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    counts = [group.num_rows for group in groups]
    if (
        sum(counts) != metadata.num_rows
        or any(not 0 <= rows <= LARGEST for rows in counts)
        or any(group.column(leaf).num_values != group.num_rows for group in groups)
    ):
        raise DamagedError("its footer counts its rows in different ways")
    return counts


def _open(file: IO[bytes]) -> Any:
    from pyarrow import parquet  # 0.2 s, and 50 MB on the disk: an extra

    # Not the whole of a column before its first row.
    return parquet.ParquetFile(
        arrow_file(file), buffer_size=BUFFER, pre_buffer=False, page_checksum_verification=True
    )
