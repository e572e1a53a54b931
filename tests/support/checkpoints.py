"""Checkpoints of the old torch format, written opcode by opcode: torch is not needed for them."""

import pickle
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

ORDERED = b"ccollections\nOrderedDict\n"
TENSOR = b"ctorch._utils\n_rebuild_tensor_v2\n"
KINDS = {"<f4": b"ctorch\nFloatStorage\n", "<i8": b"ctorch\nLongStorage\n"}

MAGIC = 0x1950A86A20F9469CFC6C
HEAD = b"".join(pickle.dumps(part, 2) for part in (MAGIC, 1001, {"little_endian": True}))


def plain(value: Any) -> bytes:
    """The opcodes of numbers, texts and tuples of them."""
    return pickle.dumps(value, 2)[2:-1]


def called(name: bytes, arguments: bytes = b"") -> bytes:
    """What a name gives when it is called."""
    return name + b"(" + arguments + b"tR"


def dictionary(entries: Mapping[str, bytes]) -> bytes:
    """An OrderedDict, with the `__dict__` that torch gives it."""
    inside = b"".join(plain(key) + value for key, value in entries.items())
    return called(ORDERED) + b"(" + inside + b"u" + b"}(" + plain("_metadata") + b"}ub"


def tensor(
    key: str,
    storage: NDArray[Any],
    *,
    shape: tuple[int, ...] | None = None,
    strides: tuple[int, ...] | None = None,
    offset: int = 0,
    kind: bytes | None = None,
) -> bytes:
    """A tensor over a storage; the whole of it, in its order, unless it is said otherwise."""
    shape = storage.shape if shape is None else shape
    strides = tuple(np.empty(shape, np.int8).strides) if strides is None else strides
    named = kind or KINDS[storage.dtype.str]
    place = b"(" + plain("storage") + named + plain(key) + plain("cpu") + plain(storage.size)
    parts = plain(offset) + plain(shape) + plain(strides) + b"\x89" + called(ORDERED)
    return called(TENSOR, place + b"NtQ" + parts)


def checkpoint(entries: Mapping[str, bytes], storages: Mapping[str, NDArray[Any]]) -> bytes:
    """A whole file.

    Args:
        entries: tensors by name, of `tensor`; or what a hostile file has in their place.
        storages: by key.
    """
    data = HEAD + b"\x80\x02" + dictionary(entries) + b"." + pickle.dumps(list(storages), 2)
    for storage in storages.values():
        data += struct.pack("<q", storage.size) + storage.tobytes()
    return data
