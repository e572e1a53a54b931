"""Lists the rows of an Arrow file whose column holds images, and reads one of them.

Both forms of it: the file, which has an index of its batches, and the stream, as the Hugging Face
library writes it, which has none; there a place holds where the batch begins.

Rules of this file:

1. To list, the file is read once, a batch at a time, since it has no footer that tells of rows. Not
   mapped: that would take as many addresses as it has bytes.
2. To read, a batch is read whole, and the last one is kept.
3. A stream that lacks the mark of its end is not whole.
"""

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

MAGIC, END = b"ARROW1", b"\xff\xff\xff\xff\0\0\0\0"
BATCH = 32
"""Bits of a place's offset below those of the batch: the row in it."""

MOST_KEPT = 2
"""Batches in memory: they may be of any size."""

INDEXED, STREAMED = 0, 1
"""How a place says which of the two forms it is in."""


def members(file: IO[bytes], size: int, left: Left) -> Iterator[Listed]:
    """The rows of a file, if it has a column of images.

    Args:
        file: open for reading bytes.
        size: its length.
        left: takes a table that has no images; else all rows are.

    Raises:
        DamagedError: it is no Arrow file, or which column holds the images cannot be known.
    """
    form = INDEXED if file.read(len(MAGIC)) == MAGIC else STREAMED
    if form == STREAMED:
        file.seek(max(0, size - len(END)))
        if file.read() != END:
            raise DamagedError("no Arrow file, or it ends early")
    try:
        table = arrow_file(file)
    except ImportError:
        raise DamagedError(NEEDED) from None
    with table as opened:
        row = 0
        for batch, (begin, rows) in enumerate(_batches(opened, form, left)):
            for inside in range(rows):
                yield Listed(str(row).encode(), form, batch << BATCH | inside, begin, 0, 0)
                row += 1


def read(handle: Handle, image: ImageRef, member: Member) -> bytes:
    """A row's image.

    Raises:
        ImageError: empty where its bytes are null; corrupt where its batch is damaged.
    """
    return value_of(lambda: _value(handle, member))


def _value(handle: Handle, member: Member) -> bytes | None:
    batch, row = member.offset >> BATCH, member.offset & LARGEST
    kept: dict[int, Any] | None = handle.kept
    if kept is None:
        kept = handle.kept = {}
    if batch not in kept:
        while len(kept) >= min(handle.batches, MOST_KEPT):
            del kept[next(iter(kept))]  # before the next one is there, too
        kept[batch] = _batch(handle, member, batch)
    value: bytes | None = kept[batch][row].as_py()
    return value


def _batch(handle: Handle, member: Member, number: int) -> Any:
    """The images of one batch."""
    from pyarrow import ipc

    with arrow_file(handle.file()) as file:
        if member.method == INDEXED:
            batch = ipc.open_file(file).get_batch(number)
        else:
            schema = ipc.open_stream(file).schema
            file.seek(member.stored)
            batch = ipc.read_record_batch(ipc.read_message(file), schema)
    return values_of(batch, column_of(batch.schema))


def _batches(file: Any, form: int, left: Left) -> Iterator[tuple[int, int]]:
    """Where each batch begins, and how many rows it has; none where no column holds images."""
    from pyarrow import ipc, types

    table = ipc.open_file(file) if form == INDEXED else ipc.open_stream(file)
    if not column_of(table.schema):
        left.why[NONE_FOUND] += 1
    elif form == INDEXED:
        for number in range(table.num_record_batches):
            yield 0, table.get_batch(number).num_rows
    else:
        if coded := [one.name for one in table.schema if types.is_dictionary(one.type)]:
            raise DamagedError(  # what their codes mean stands before some batches only
                f"a stream with dictionary-encoded columns ({', '.join(coded)}) cannot be read "
                "from its middle; write it as an Arrow file or as Parquet"
            )
        while True:
            begin = file.tell()
            try:
                batch = table.read_next_batch()
            except StopIteration:
                if file.tell() != file.size():
                    raise DamagedError("it goes on behind the mark of its end") from None
                return
            yield begin, batch.num_rows
