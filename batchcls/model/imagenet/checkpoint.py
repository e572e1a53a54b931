"""Reads a checkpoint of the old torch format, without torch and without trusting it.

Such a file is five pickles (a magic number, a protocol, facts of the machine, the tensors, the keys
of their storages) and then the storages: a count of elements, and the elements. A pickle may name
any function of Python and have it called. This reader knows the four names that tensors need, gives
each of them a stand-in of its own, and refuses every other name before anything is called.
"""

import io
import pickle
import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from batchcls.errors import ModelError

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_COUNT = struct.Struct("<q")

Storage = tuple[str, str, int]
"""Key, type of the elements, number of elements."""


class _Tensor:
    """Where a tensor lies in its storage; what else torch notes (gradients, hooks) is left out."""

    def __init__(
        self,
        storage: Storage,
        offset: int,
        shape: Sequence[int],
        strides: Sequence[int],
        *_: object,
    ) -> None:
        self.storage = storage
        count = storage[2]
        self.offset, self.shape, self.strides = offset, tuple(shape), tuple(strides)
        axes = list(zip(self.shape, self.strides, strict=True))
        last = offset + sum((length - 1) * stride for length, stride in axes)
        if offset < 0 or last >= count or any(n < 1 or stride < 1 for n, stride in axes):
            raise pickle.UnpicklingError("a tensor that lies outside its storage")

    def of(self, storage: NDArray[Any]) -> NDArray[Any]:
        """The tensor, (shape), contiguous."""
        steps = [stride * storage.itemsize for stride in self.strides]
        return as_strided(storage[self.offset :], self.shape, steps).copy()


class _Dict(dict[str, Any]):
    """Stands for OrderedDict; has a ``__dict__``, where the pickle puts what modules it was of."""


_NAMES: Mapping[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): _Dict,
    ("torch._utils", "_rebuild_tensor_v2"): _Tensor,
    ("torch", "FloatStorage"): "<f4",
    ("torch", "LongStorage"): "<i8",
}
"""All that a checkpoint may name, and what it gets instead."""


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _NAMES:
            raise pickle.UnpicklingError(f"it names {module}.{name}")
        return _NAMES[module, name]

    def persistent_load(self, pid: Any) -> Storage:
        match pid:
            case ("storage", str(kind), str(key), str(), int(count), None) if count >= 0:
                return key, kind, count
        raise pickle.UnpicklingError("a storage of another form")


def read(data: bytes, name: str) -> dict[str, NDArray[Any]]:
    """The tensors of a checkpoint, by name.

    Args:
        name: of the file, for messages.

    Raises:
        ModelError: it is no such checkpoint, names anything else, or does not end where it should.
    """
    try:
        return _tensors(io.BytesIO(data))
    except Exception as error:  # whatever the bytes make a pickle raise
        raise ModelError(f"{name}: not a checkpoint that can be read safely: {error}") from error


def _tensors(file: io.BytesIO) -> dict[str, NDArray[Any]]:
    def load() -> Any:
        return _Unpickler(file).load()

    if load() != _MAGIC or load() != _PROTOCOL or load().get("little_endian") is not True:
        raise pickle.UnpicklingError("the head is another one")
    found, keys = load(), load()
    tensors = {key: one for key, one in found.items() if isinstance(one, _Tensor)}
    places = {one.storage[0]: one.storage for one in tensors.values()}
    storages = {key: _elements(file, places[key]) for key in keys}
    if file.read(1):
        raise pickle.UnpicklingError("something stands behind the last storage")
    return {key: one.of(storages[one.storage[0]]) for key, one in tensors.items()}


def _elements(file: io.BytesIO, storage: Storage) -> NDArray[Any]:
    _, kind, count = storage
    if _COUNT.unpack(file.read(_COUNT.size)) != (count,):
        raise pickle.UnpicklingError("a storage of another length")
    return np.frombuffer(file.read(count * np.dtype(kind).itemsize), kind, count)
