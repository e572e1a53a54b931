"""Lists the rows of a Parquet table whose column holds images, and reads one of them.

Rules of this file:

1. A row's name is its number. To list, the footer is read and no row: `--names` does not matter.
2. A thread goes forward through a row group, a few rows at a time: whoever wrote the table may have
   put gigabytes into one group. Neighbours cost one step, a row before that one begins again.
3. Only the images' bytes are read. A path in the table leads anywhere, so nothing opens it.
"""

import json
from collections.abc import Iterator
from typing import IO, Any

from batchcls.errors import ImageError
from batchcls.images import LARGEST, ImageRef, Member
from batchcls.sources.containers.listed import DamagedError, Left, Listed
from batchcls.sources.containers.reading import Handle
from batchcls.version import PYARROW

AT_ONCE = 16
"""Rows in memory."""

BUFFER = 1 << 20
GROUP = 32
"""Bits of a place's offset below those of the row group: the row in it."""

NAMES = ("image", "img", "picture", "photo", "jpg", "jpeg", "png", "webp", "bytes", "content")
"""Columns that hold the images where several hold bytes, the likeliest first."""


def members(file: IO[bytes], size: int, left: Left) -> Iterator[Listed]:
    """The rows of a table, if it has a column of images.

    Args:
        file: open for reading bytes.
        size: its length.
        left: not needed; all rows are images.

    Raises:
        DamagedError: it is no Parquet file, or which column holds the images cannot be known.
    """
    try:
        table = _open(file.fileno())
    except ImportError:
        raise DamagedError(f"Parquet needs pyarrow: pip install '{PYARROW}'") from None
    if not column_of(table.schema_arrow):
        return
    row = 0
    for group in range(table.metadata.num_row_groups):
        for inside in range(table.metadata.row_group(group).num_rows):
            yield Listed(str(row).encode(), 0, group << GROUP | inside, 0, 0, 0)
            row += 1


def read(handle: Handle, image: ImageRef, member: Member) -> bytes:
    """A row's image.

    Raises:
        ImageError: empty where its bytes are null; corrupt where its page is damaged.
    """
    group, row = member.offset >> GROUP, member.offset & LARGEST
    try:
        if handle.kept is None:
            handle.kept = _Rows(handle)
        value = handle.kept.value(group, row)
    except ImportError:
        raise ImageError("io_error", f"Parquet needs pyarrow: pip install '{PYARROW}'") from None
    except (OSError, ValueError, LookupError, NotImplementedError) as error:
        if isinstance(error, OSError) and error.errno:
            raise  # the disk's, not the decoder's
        raise ImageError("corrupt", f"its table is damaged there ({error})") from error
    if value is None:
        raise ImageError("empty", "its row has no bytes (a path in it is not opened)")
    return bytes(value)


class _Rows:
    """The rows of a table on their way, in one row group at a time."""

    def __init__(self, handle: Handle) -> None:
        self._table = _open(handle.number)
        self._column = column_of(self._table.schema_arrow)
        self._group = -1
        self._batches: Iterator[Any] = iter(())
        self._first = 0
        self._batch: Any = ()

    def value(self, group: int, row: int) -> bytes | None:
        if group != self._group or row < self._first:
            self._group, self._first, self._batch = group, 0, ()
            self._batches = self._table.iter_batches(
                AT_ONCE, row_groups=[group], columns=[self._column], use_threads=False
            )
        while row >= self._first + len(self._batch):
            self._first += len(self._batch)
            batch = next(self._batches, None)
            if batch is None:
                raise IndexError("the row group ends early")
            column = batch.column(0)
            self._batch = column.field("bytes") if "." in self._column else column
        value: bytes | None = self._batch[row - self._first].as_py()
        return value


def column_of(schema: Any) -> str:
    """Which column holds the images, as Parquet names it; empty if none does.

    Args:
        schema: of pyarrow.

    Raises:
        DamagedError: several could.
    """
    found = {field.name: leaf for field in schema if (leaf := _leaf(field))}
    named = _features(schema.metadata or {}) & found.keys()
    names = sorted(named or found)
    if len(names) > 1:
        names = [name for name in NAMES if name in names][:1] or names
    if len(names) > 1:
        raise DamagedError(f"several of its columns hold bytes ({', '.join(names)})")
    return found[names[0]] if names else ""


def _leaf(field: Any) -> str:
    """What of a column holds bytes: itself, or `bytes` of a struct."""
    from pyarrow import types

    def holds_bytes(kind: Any) -> bool:
        return bool(types.is_binary(kind) or types.is_large_binary(kind))

    if holds_bytes(field.type):
        return str(field.name)
    if types.is_struct(field.type):
        inner = {field.type.field(n).name: field.type.field(n).type
                 for n in range(field.type.num_fields)}  # fmt: skip
        if "bytes" in inner and holds_bytes(inner["bytes"]):
            return f"{field.name}.bytes"
    return ""


def _features(metadata: dict[bytes, bytes]) -> set[str]:
    """Columns that the Hugging Face library says are images."""
    try:
        features = json.loads(metadata[b"huggingface"])["info"]["features"]
        return {name for name, kind in features.items() if kind.get("_type") == "Image"}
    except (KeyError, TypeError, ValueError, AttributeError):
        return set()


def _open(descriptor: int) -> Any:
    from pyarrow import OSFile, parquet  # 0.2 s, and 50 MB on the disk: an extra

    # The very file that was found to be the one that was listed, whatever its name is now; and not
    # the whole of a column before its first row.
    file = OSFile(f"/dev/fd/{descriptor}")
    return parquet.ParquetFile(
        file, buffer_size=BUFFER, pre_buffer=False, page_checksum_verification=True
    )
