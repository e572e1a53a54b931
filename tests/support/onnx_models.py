"""Writes small ONNX models as bytes, without the onnx package: Protocol Buffers' wire format.

Field numbers: onnx.proto.
"""

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

FLOAT, INT64, STRING = 1, 7, 8
ONNX_ML = "ai.onnx.ml"
_TYPES = {np.dtype(np.float32): FLOAT, np.dtype(np.int64): INT64}
Shape = Sequence[int | str]


def varint(value: int) -> bytes:
    """A number; at most 64 bits."""
    value &= (1 << 64) - 1
    low = bytes([value & 0x7F])
    return low if value < 128 else bytes([low[0] | 128]) + varint(value >> 7)


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def data(field: int, content: bytes | str) -> bytes:
    raw = content.encode() if isinstance(content, str) else content
    return varint(field << 3 | 2) + varint(len(raw)) + raw


def tensor(name: str, values: NDArray[Any]) -> bytes:
    """A TensorProto."""
    dims = b"".join(number(1, size) for size in values.shape)
    return dims + number(2, _TYPES[values.dtype]) + data(8, name) + data(9, values.tobytes())


def node(
    op: str, inputs: Sequence[str], outputs: Sequence[str], domain: str = "", **attributes: Any
) -> bytes:
    """A NodeProto; attributes are whole numbers, floats, texts, or lists of texts or numbers."""
    found = b"".join(data(1, name) for name in inputs) + b"".join(data(2, n) for n in outputs)
    found += data(4, op) + b"".join(data(5, _attribute(k, v)) for k, v in attributes.items())
    return found + (data(7, domain) if domain else b"")


def _attribute(name: str, value: Any) -> bytes:
    head = data(1, name)
    if isinstance(value, int):
        return head + number(3, value) + number(20, 2)
    if isinstance(value, float):
        return head + varint(2 << 3 | 5) + struct.pack("<f", value) + number(20, 1)
    if isinstance(value, str):
        return head + data(4, value) + number(20, 3)
    if isinstance(value[0], str):
        return head + b"".join(data(9, one) for one in value) + number(20, 8)
    return head + b"".join(number(8, one) for one in value) + number(20, 7)


def value(name: str, shape: Shape, element: int = FLOAT) -> bytes:
    """A ValueInfoProto of a tensor; a text as size is an open one."""
    dims = b"".join(
        data(1, data(2, size) if isinstance(size, str) else number(1, size)) for size in shape
    )
    return data(1, name) + data(2, data(1, number(1, element) + data(2, dims)))


def sequence_of_maps(name: str, key: int) -> bytes:
    """A ValueInfoProto of what ZipMap gives: one map of names or numbers to floats per image."""
    tensor_type = data(1, number(1, FLOAT) + data(2, b""))
    one = data(5, number(1, key) + data(2, tensor_type))
    return data(1, name) + data(2, data(4, data(1, one)))


def model(
    nodes: Sequence[bytes],
    inputs: Sequence[bytes],
    outputs: Sequence[bytes],
    initializers: Sequence[bytes] = (),
    properties: Mapping[str, str] | None = None,
    opset: int = 17,
) -> bytes:
    """A ModelProto."""
    graph = b"".join(data(1, one) for one in nodes) + data(2, "graph")
    graph += b"".join(data(5, one) for one in initializers)
    graph += b"".join(data(11, one) for one in inputs) + b"".join(data(12, o) for o in outputs)
    found = number(1, 8) + data(7, graph)
    for domain, version in (("", opset), (ONNX_ML, 1)):
        found += data(8, data(1, domain) + number(2, version))
    for key, text in (properties or {}).items():
        found += data(14, data(1, key) + data(2, text))
    return found


WEIGHTS: Mapping[str, NDArray[np.float32]] = {
    "colours": np.eye(3, dtype=np.float32) * 10,
    "mirrored": np.eye(3, dtype=np.float32)[::-1].copy() * 10,
    "features": np.random.default_rng(0).normal(size=(3, 16)).astype(np.float32),
}
"""What the mean of each channel is multiplied with."""


def colours(
    path: Path,
    outputs: Mapping[str, str] | None = None,
    tail: Sequence[bytes] = (),
    ends: Sequence[bytes] | None = None,
    shape: Shape = ("N", 3, 8, 8),
    **more: Any,
) -> Path:
    """A model whose scores are the channels' means, times 10.

    Args:
        path: the file to write.
        outputs: name → which of `WEIGHTS` it is made with.
        tail: nodes behind them.
        ends: the graph's outputs, where they are others.
        shape: of the input.
        more: `initializers` and `properties` of `model`.
    """
    outputs = {"y": "colours"} if outputs is None else outputs
    nodes = [node("GlobalAveragePool", ["x"], ["g"]), node("Flatten", ["g"], ["f"])]
    nodes += [node("MatMul", ["f", weights], [name]) for name, weights in outputs.items()]
    if ends is None:
        ends = [value(name, ["N", WEIGHTS[w].shape[1]]) for name, w in outputs.items()]
    initializers = [tensor(name, WEIGHTS[name]) for name in sorted(set(outputs.values()))]
    more["initializers"] = [*initializers, *more.get("initializers", ())]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model([*nodes, *tail], [value("x", shape)], ends, **more))
    return path


NAMED_COLOURS = [
    tuple(int(part) for part in colour)
    for colour in np.random.default_rng(5).integers(20, 236, (24, 3))
]
"""Red, green, blue; one for each class of `nearest_colour`."""


def nearest_colour(path: Path) -> Path:
    """A model of 24 classes: which of `NAMED_COLOURS` the picture is nearest to.

    It wants RGB from -1 to 1; fed otherwise, most pictures are nearest to the same few.
    """
    centres = np.array(NAMED_COLOURS, np.float32) / 127.5 - 1
    sharp = 60.0
    bias = -sharp * (centres**2).sum(axis=1)
    nodes = [
        node("GlobalAveragePool", ["x"], ["g"]),
        node("Flatten", ["g"], ["f"]),
        node("MatMul", ["f", "weights"], ["m"]),
        node("Add", ["m", "bias"], ["y"]),
    ]
    constants = [
        tensor("weights", (2 * sharp * centres.T).copy()),
        tensor("bias", bias[None].astype(np.float32)),
    ]
    inputs, ends = [value("x", ("N", 3, 8, 8))], [value("y", ("N", 24))]
    path.write_bytes(model(nodes, inputs, ends, constants))
    return path
