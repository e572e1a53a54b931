"""Which column of a table holds images, and what a row of it is: Parquet's and Arrow's alike."""

import io
import json
from collections.abc import Callable
from typing import IO, Any

from batchcls.errors import ImageError
from batchcls.sources.containers.listed import DamagedError
from batchcls.version import PYARROW

NEEDED = f"tables need pyarrow: pip install '{PYARROW}'"

NAMES = ("image", "img", "picture", "photo", "jpg", "jpeg", "png", "webp", "bytes", "content")
"""Columns that hold the images where several hold bytes, the likeliest first."""

NONE_FOUND = "tables without a column of images"

INSIDE = ".bytes"
"""Behind the name of a column of structs: of these, the bytes."""


def arrow_file(file: IO[bytes]) -> Any:
    """A file as pyarrow has it, from its beginning: the very one, whatever its name is now."""
    from pyarrow import OSFile, PythonFile

    try:
        return OSFile(f"/dev/fd/{file.fileno()}")
    except io.UnsupportedOperation:  # an object of a store
        file.seek(0)
        return PythonFile(file)


def value_of(read: Callable[[], bytes | None]) -> bytes:
    """What reading a row gives.

    Raises:
        ImageError: empty where its bytes are null; corrupt where the table is damaged there.
    """
    try:
        value = read()
    except ImportError:
        raise ImageError("io_error", NEEDED) from None
    except (OSError, ValueError, LookupError, NotImplementedError) as error:
        if isinstance(error, OSError) and error.errno:
            raise  # the disk's, not the decoder's
        raise ImageError("corrupt", f"its table is damaged there ({error})") from error
    if value is None:
        raise ImageError("empty", "its row has no bytes (a path in it is not opened)")
    return bytes(value)


def values_of(batch: Any, column: str) -> Any:
    """The images of a batch of rows.

    Args:
        batch: of pyarrow.
        column: by `column_of`.
    """
    name = column if column in batch.schema.names else column.removesuffix(INSIDE)
    values = batch.column(name)
    return values if name == column else values.field(INSIDE[1:])


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
        # Not those of one size for all rows: they are hashes and identifiers.
        of_bytes = types.is_binary, types.is_large_binary, types.is_binary_view
        return any(is_one(kind) for is_one in of_bytes)

    if holds_bytes(field.type):
        return str(field.name)
    if types.is_struct(field.type):
        inner = {field.type.field(n).name: field.type.field(n).type
                 for n in range(field.type.num_fields)}  # fmt: skip
        if "bytes" in inner and holds_bytes(inner["bytes"]):
            return f"{field.name}{INSIDE}"
    return ""


def _features(metadata: dict[bytes, bytes]) -> set[str]:
    """Columns that the Hugging Face library says are images."""
    try:
        features = json.loads(metadata[b"huggingface"])["info"]["features"]
        return {name for name, kind in features.items() if kind.get("_type") == "Image"}
    except (KeyError, TypeError, ValueError, AttributeError):
        return set()
