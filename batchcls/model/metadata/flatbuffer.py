"""A reader of FlatBuffers tables: just what TFLite's metadata needs, bounds checked by `struct`.

Weighed: Google's flatbuffers and tflite packages. Their Python runtime does not check a buffer, and
a model file may come from anywhere; all that tflite would spare us are the fields' numbers.

Format: https://flatbuffers.dev/internals. Offsets are unsigned 32-bit and relative to where they
stand; a table starts with a signed offset back to its vtable, which lists 16-bit field offsets.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

Malformed = (struct.error, IndexError, UnicodeDecodeError, RecursionError)
"""What reading a damaged buffer raises."""


def _at(data: bytes, kind: str, position: int) -> int:
    if position < 0:
        raise struct.error("offset before the buffer")
    return int(struct.unpack_from("<" + kind, data, position)[0])


@dataclass(frozen=True, slots=True)
class Table:
    """One table; fields are named by their number in the schema.

    Attributes:
        data: the whole buffer.
        position: of the table in it.
    """

    data: bytes
    position: int

    @classmethod
    def root(cls, data: bytes) -> "Table":
        """The root table of a buffer."""
        return cls(data, _at(data, "I", 0))

    def _field(self, number: int) -> int:
        """Position of a field's value, 0 where it is not set."""
        vtable = self.position - _at(self.data, "i", self.position)
        slot = 4 + 2 * number
        if slot >= _at(self.data, "H", vtable):
            return 0
        offset = _at(self.data, "H", vtable + slot)
        return self.position + offset if offset else 0

    def _target(self, number: int) -> int:
        position = self._field(number)
        return position + _at(self.data, "I", position) if position else 0

    def number(self, number: int, kind: str = "I") -> int:
        """A scalar, by its `struct` letter; 0 where it is not set."""
        position = self._field(number)
        return _at(self.data, kind, position) if position else 0

    def table(self, number: int) -> "Table | None":
        """A table, or a union's value."""
        position = self._target(number)
        return Table(self.data, position) if position else None

    def tables(self, number: int) -> Iterator["Table"]:
        """A vector of tables."""
        start = self._target(number)
        if not start:
            return
        for index in range(_at(self.data, "I", start)):
            entry = start + 4 + 4 * index
            yield Table(self.data, entry + _at(self.data, "I", entry))

    def bytes(self, number: int) -> bytes:
        """A vector of bytes, or a string's bytes."""
        start = self._target(number)
        if not start:
            return b""
        length = _at(self.data, "I", start)
        found = self.data[start + 4 : start + 4 + length]
        if len(found) != length:
            raise struct.error("vector beyond the buffer")
        return found

    def text(self, number: int) -> str:
        """A string."""
        return self.bytes(number).decode()

    def floats(self, number: int) -> tuple[float, ...]:
        """A vector of 32-bit floats."""
        start = self._target(number)
        if not start:
            return ()
        length = _at(self.data, "I", start)
        return struct.unpack_from(f"<{length}f", self.data, start + 4)
