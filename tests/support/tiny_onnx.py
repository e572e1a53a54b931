"""Writes small ONNX files, so that tests need no package for it. Field numbers: onnx.proto."""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

DTYPES = {"float32": 1, "uint8": 2, "int8": 3, "uint16": 4, "int16": 5, "int32": 6, "int64": 7}


@dataclass(frozen=True, slots=True)
class Node:
    """An operation.

    Attributes:
        kind: of ONNX.
        inputs: names.
        output: name.
        attributes: whole numbers, floats, texts, or lists of whole numbers.
        domain: of the operation; "" is ONNX's own.
    """

    kind: str
    inputs: Sequence[str]
    output: str
    attributes: Mapping[str, Any] = field(default_factory=dict)
    domain: str = ""


def save(
    path: Path,
    nodes: Sequence[Node],
    constants: Mapping[str, NDArray[Any]],
    *,
    shape: Sequence[int | str],
    classes: Sequence[int | str],
    opset: int = 17,
    properties: Mapping[str, str] | None = None,
) -> Path:
    """Write a model from float32 "image" to float32 "scores".

    Args:
        path: the file.
        nodes: in order.
        constants: name → value.
        shape: of the image; texts are open.
        classes: shape of the scores.
        opset: version of ONNX's operations.
        properties: `metadata_props`.
    """
    graph = b"".join([
        *(_bytes(1, _node(node)) for node in nodes),
        _bytes(2, b"graph"),
        *(_bytes(5, _tensor(name, value)) for name, value in constants.items()),
        _bytes(11, _value("image", shape)),
        _bytes(12, _value("scores", classes)),
    ])  # fmt: skip
    domains = {"": opset} | {node.domain: 1 for node in nodes if node.domain}
    model = _number(1, 8) + _bytes(7, graph)
    for domain, version in domains.items():
        model += _bytes(8, _bytes(1, domain.encode()) + _number(2, version))
    for key, text in (properties or {}).items():
        model += _bytes(14, _bytes(1, key.encode()) + _bytes(2, text.encode()))
    path.write_bytes(model)
    return path


def _node(node: Node) -> bytes:
    return b"".join([
        *(_bytes(1, name.encode()) for name in node.inputs),
        _bytes(2, node.output.encode()),
        _bytes(4, node.kind.encode()),
        *(_bytes(5, _attribute(name, value)) for name, value in node.attributes.items()),
        _bytes(7, node.domain.encode()),
    ])  # fmt: skip


def _attribute(name: str, value: Any) -> bytes:
    match value:
        case int():
            content, kind = _number(3, value), 2
        case float():
            content, kind = _varint(2 << 3 | 5) + struct.pack("<f", value), 1
        case str():
            content, kind = _bytes(4, value.encode()), 3
        case _:
            content, kind = b"".join(_number(8, one) for one in value), 7
    return _bytes(1, name.encode()) + content + _number(20, kind)


def _tensor(name: str, value: NDArray[Any]) -> bytes:
    sizes = b"".join(_number(1, size) for size in value.shape)
    kind = _number(2, DTYPES[value.dtype.name])
    return (
        sizes + kind + _bytes(8, name.encode()) + _bytes(9, np.ascontiguousarray(value).tobytes())
    )


def _value(name: str, shape: Sequence[int | str]) -> bytes:
    sizes = b"".join(
        _bytes(1, _bytes(2, one.encode()) if isinstance(one, str) else _number(1, one))
        for one in shape
    )
    tensor = _number(1, DTYPES["float32"]) + _bytes(2, sizes)
    return _bytes(1, name.encode()) + _bytes(2, _bytes(1, tensor))


def _number(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value % (1 << 64))


def _bytes(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes([*found, value])
