"""What an ONNX file says of itself: other files that it needs, its version of the operations.

Needed are external tensors, and a label file that it names.

Reads Protocol Buffers' wire format as far as that takes (field numbers: onnx.proto), skipping the
tensors' bytes, because the coordinator hashes these files and never loads OpenVINO. Weighed: the
onnx package, a dependency of 20 MB for two fields.
"""

import mmap
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

LABELS_KEY = b"model_info path_to_labels"
"""model_api's key of metadata_props."""

_INSIDE: Mapping[str, Mapping[int, str]] = MappingProxyType(
    {
        "model": {7: "graph", 14: "property", 25: "function"},
        "function": {7: "node"},
        "graph": {1: "node", 5: "tensor", 15: "sparse"},
        "node": {5: "attribute"},
        "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse"},
        "sparse": {1: "tensor", 2: "tensor"},
        "tensor": {13: "external"},
    }
)
"""Message → field number → the message in it."""

BEGINS = b"\x08"
"""A model's first byte: all exporters write the version of the format first."""

_GRAPH = 7
_OPSET = 8
"""Of a model: a set of operations that it uses, and in which version."""

_WIDTHS = {1: 8, 5: 4}
_LENGTH = 2


def needed(path: Path) -> list[str]:
    """Paths, relative to the model's folder, in a fixed order; what is damaged names nothing."""
    return sorted({name for _, name in _named(path)})


def tensors(path: Path) -> list[str]:
    """The same, of the files that hold tensors alone."""
    return sorted({name for kind, name in _named(path) if kind == "external"})


def _named(path: Path) -> set[tuple[str, str]]:
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            found = set(_walk(data, 0, len(data), "model"))
    except (OSError, ValueError, IndexError, RecursionError):  # ValueError: nothing to map
        return set()
    return {(kind, name.decode(errors="surrogateescape")) for kind, name in found}


def has_graph(path: Path) -> bool:
    """The file is a message with a whole graph, as every model is."""
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return any(number == _GRAPH for number, _, _ in _fields(data, 0, len(data)))
    except (OSError, ValueError, IndexError):
        return False


def opset(path: Path) -> int | None:
    """The version of ONNX's own operations that a model uses; None where it names none."""
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            for number, start, end in _fields(data, 0, len(data)):
                if number != _OPSET:
                    continue
                found = dict(_parts(data, start, end))
                domain, version = found.get(1, slice(0)), found.get(2)
                if data[domain] in (b"", b"ai.onnx") and isinstance(version, int):
                    return version
    except (OSError, ValueError, IndexError, TypeError):
        return None
    return None


def _walk(data: mmap.mmap, start: int, end: int, kind: str) -> Iterator[tuple[str, bytes]]:
    """The files that a message names, each with the kind of message that it was."""
    if kind in ("external", "property"):
        entry = {number: data[a:b] for number, a, b in _fields(data, start, end)}
        if entry.get(1) == (b"location" if kind == "external" else LABELS_KEY) and entry.get(2):
            yield kind, entry[2]
        return
    for number, a, b in _fields(data, start, end):
        if (inner := _INSIDE[kind].get(number)) is not None:
            yield from _walk(data, a, b, inner)


def _fields(data: mmap.mmap, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """(number, start, end) of every field that has a length."""
    for number, part in _parts(data, at, end):
        if isinstance(part, slice):
            yield number, part.start, part.stop


def _parts(data: mmap.mmap, at: int, end: int) -> Iterator[tuple[int, int | slice]]:
    """(number, a whole number, or where the content is) of every field but those of fixed width."""
    while at < end:
        key, at = _varint(data, at)
        wire = key & 7
        if wire == _LENGTH:
            length, at = _varint(data, at)
            if at + length > end:
                return
            yield key >> 3, slice(at, at + length)
            at += length
        elif wire == 0:
            value, at = _varint(data, at)
            yield key >> 3, value
        elif wire in _WIDTHS:
            at += _WIDTHS[wire]
        else:
            return


def _varint(data: mmap.mmap, at: int) -> tuple[int, int]:
    """A number, and where the next byte is."""
    value = shift = 0
    while (byte := data[at]) & 0x80 and shift < 63:
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
    return value | byte << shift, at + 1
