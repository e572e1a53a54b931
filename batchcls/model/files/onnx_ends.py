"""Cuts off an ONNX model what stands behind its scores for other runtimes: maps and texts.

skl2onnx and Custom Vision end a classifier in ZipMap, which makes a map of names to probabilities
of each image, and beside it the best name as text. OpenVINO reads neither. What goes into ZipMap
are the probabilities, and its attribute holds the names.

Works on Protocol Buffers' wire format, as `onnx` does and for its reason. Field numbers:
onnx.proto.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_GRAPH = 7
_NODE, _VALUE_INFO, _OUTPUT = 1, 13, 12
_INPUTS, _OUTPUTS, _OP, _ATTRIBUTE = 1, 2, 4, 5
_NAME, _INTS, _STRINGS, _SUBGRAPHS = 1, 8, 9, (6, 11)
_TEXT, _FLOAT = 8, 1
_LENGTH, _FIXED = 2, {1: 8, 5: 4}


@dataclass(frozen=True, slots=True)
class Cut:
    """A model without its maps and texts.

    Attributes:
        labels: of the map, in the order of the scores; empty where it has numbers alone.
    """

    model: bytes
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Field:
    number: int
    wire: int
    content: bytes
    value: int


def without_maps(path: Path) -> Cut | None:
    """The model cut off behind its scores; None where it has no ZipMap, or is damaged."""
    try:
        fields = list(_fields(path.read_bytes()))
        graph = next(field.content for field in fields if field.number == _GRAPH)
        found = _cut(list(_fields(graph)))
    except (OSError, IndexError, StopIteration, RecursionError, UnicodeDecodeError):
        return None
    if found is None:
        return None
    whole, labels = found
    # In their order: OpenVINO knows an ONNX file by its first fields.
    parts = [_message(_GRAPH, whole) if f.number == _GRAPH else _encoded(f) for f in fields]
    return Cut(b"".join(parts), labels)


def _cut(graph: list[_Field]) -> tuple[bytes, tuple[str, ...]] | None:
    nodes = [field for field in graph if field.number == _NODE]
    maps = {}
    for node in nodes:
        parts = list(_fields(node.content))
        if _texts(parts, _OP) == ["ZipMap"]:
            maps[_texts(parts, _OUTPUTS)[0]] = _texts(parts, _INPUTS)[0], _names(parts)
    if not maps:
        return None
    ends: list[tuple[str, bytes]] = []
    labels: tuple[str, ...] = ()
    for field in graph:
        if field.number != _OUTPUT:
            continue
        name = _texts(list(_fields(field.content)), _NAME)[0]
        if name in maps:
            scores, labels = maps[name]
            ends.append((scores, _float_tensor(scores)))
        elif _element(field.content) not in (None, _TEXT):
            ends.append((name, _encoded(field)))
    kept = _needed(nodes, {name for name, _ in ends})
    others = [
        field
        for field in graph
        if field.number not in (_NODE, _OUTPUT)
        and (field.number != _VALUE_INFO or _element(field.content) is not None)
    ]
    return b"".join([*map(_encoded, [*others, *kept]), *(end for _, end in ends)]), labels


def _needed(nodes: list[_Field], names: set[str]) -> list[_Field]:
    """The nodes that these tensors are made of, in their order."""
    kept, wanted = [], set(names)
    for node in reversed(nodes):
        parts = list(_fields(node.content))
        if wanted & set(_texts(parts, _OUTPUTS)):
            kept.append(node)
            wanted |= set(_taken(parts))
    return kept[::-1]


def _taken(parts: list[_Field]) -> Iterator[str]:
    """Tensors that a node takes, those inside the graphs in its attributes included."""
    yield from _texts(parts, _INPUTS)
    for attribute in parts:
        if attribute.number != _ATTRIBUTE:
            continue
        for inner in _fields(attribute.content):
            if inner.number in _SUBGRAPHS and inner.wire == _LENGTH:
                for field in _fields(inner.content):
                    if field.number == _NODE:
                        yield from _taken(list(_fields(field.content)))
                    elif field.number == _OUTPUT:
                        yield from _texts(list(_fields(field.content)), _NAME)


def _names(node: list[_Field]) -> tuple[str, ...]:
    """Of ZipMap: texts, or numbers that are not the indices anyway."""
    for field in node:
        if field.number != _ATTRIBUTE:
            continue
        parts = list(_fields(field.content))
        name = _texts(parts, _NAME)
        if name == ["classlabels_strings"]:
            return tuple(_texts(parts, _STRINGS))
        if name == ["classlabels_int64s"]:
            numbers = [number for part in parts if part.number == _INTS for number in _ints(part)]
            return () if numbers == list(range(len(numbers))) else tuple(map(str, numbers))
    return ()


def _ints(field: _Field) -> list[int]:
    """A repeated number, packed or not."""
    if field.wire != _LENGTH:
        return [field.value]
    found, at = [], 0
    while at < len(field.content):
        value, at = _varint(field.content, at)
        found.append(value)
    return found


def _element(value_info: bytes) -> int | None:
    """A tensor's element type; None where it is no tensor."""
    for kind in _fields(value_info):
        if kind.number == 2:
            for inner in _fields(kind.content):
                if inner.number == 1:
                    return next((f.value for f in _fields(inner.content) if f.number == 1), 0)
    return None


def _float_tensor(name: str) -> bytes:
    tensor = _message(1, bytes([1 << 3, _FLOAT]))
    return _message(_OUTPUT, _message(_NAME, name.encode()) + _message(2, tensor))


def _texts(fields: list[_Field], number: int) -> list[str]:
    return [field.content.decode() for field in fields if field.number == number]


def _fields(data: bytes) -> Iterator[_Field]:
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        number, wire, value, content = key >> 3, key & 7, 0, b""
        if wire == _LENGTH:
            length, at = _varint(data, at)
            content, at = data[at : at + length], at + length
        elif wire == 0:
            value, at = _varint(data, at)
        elif wire in _FIXED:
            content, at = data[at : at + _FIXED[wire]], at + _FIXED[wire]
        else:
            raise IndexError(f"wire type {wire}")
        if at > len(data):
            raise IndexError("cut off")
        yield _Field(number, wire, content, value)


def _encoded(field: _Field) -> bytes:
    key = _number(field.number << 3 | field.wire)
    if field.wire == _LENGTH:
        return _message(field.number, field.content)
    return key + (field.content if field.wire in _FIXED else _number(field.value))


def _message(number: int, content: bytes) -> bytes:
    return _number(number << 3 | _LENGTH) + _number(len(content)) + content


def _number(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while (byte := data[at]) & 0x80 and shift < 63:
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
    return value | byte << shift, at + 1
