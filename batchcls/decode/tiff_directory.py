"""TIFF's structure: byte order, classic or Big, directories and the values in them.

Nothing is read in proportion to a number in the file that its size does not back.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from batchcls.decode.header import Edit, check_parts, truncated

SHORT, LONG = 3, 4
_TYPES = {1: (1, 2, 6, 7), 2: (3, 8), 4: (4, 9, 11, 13), 8: (5, 10, 12, 16, 17, 18)}
TYPE_SIZES = {kind: size for size, kinds in _TYPES.items() for kind in kinds}
"""Type of a directory's entry → bytes of one value."""

INTEGERS = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a directory: the type and number of its values, and where they are."""

    kind: int
    count: int
    at: int

    @property
    def size(self) -> int:
        """Bytes of all values."""
        return TYPE_SIZES.get(self.kind, 1) * self.count


Directory = dict[int, Entry]
"""Entries by tag."""

Field = tuple[int, int, bytes]
"""Type, number and bytes of the values of an entry that is to be written."""

Fields = Mapping[int, Field]
"""What a directory is to hold, by tag."""


class TiffFile:
    """A TIFF file's structure.

    Attributes:
        data: the file.
        order: its byte order, as `struct` has it.
        big: BigTIFF, with offsets of 8 bytes.
    """

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.order = "<" if data[:2] == b"II" else ">"
        self.big = data[2:4] in (b"+\0", b"\0+")
        self.offset_size = 8 if self.big else 4

    @property
    def first_at(self) -> int:
        """Where the file says where its first directory is."""
        return 8 if self.big else 4

    def number(self, form: str, at: int) -> int:
        """One integer; truncated if the file ends before it."""
        try:
            value: int = struct.unpack_from(self.order + form, self.data, at)[0]
        except (struct.error, OverflowError):
            raise truncated("inside its structure") from None
        return value

    def offset(self, at: int) -> int:
        """A position in the file."""
        return self.number("Q" if self.big else "I", at)

    def directory(self, at: int) -> tuple[Directory, int]:
        """Entries by tag, and where the next directory is (0: nowhere)."""
        count = self.number("Q" if self.big else "H", at)
        at += 8 if self.big else 2
        entry_size = 20 if self.big else 12
        end = at + count * entry_size
        if end > len(self.data):
            raise truncated("inside a directory")
        check_parts(count)
        entries: Directory = {}
        for place in range(at, end, entry_size):
            tag, kind = struct.unpack_from(self.order + "HH", self.data, place)
            entry = Entry(kind, self.offset(place + 4), place + 4 + self.offset_size)
            if entry.size > self.offset_size:
                entry = Entry(kind, entry.count, self.offset(entry.at))
            entries.setdefault(tag, entry)
        return entries, self.offset(end) if end + self.offset_size <= len(self.data) else 0

    def raw(self, entry: Entry) -> bytes:
        """The bytes of an entry's values; truncated if the file ends before them."""
        if entry.at + entry.size > len(self.data):
            raise truncated("inside a directory's values")
        return self.data[entry.at : entry.at + entry.size]

    def values(self, entry: Entry | None, at_most: int) -> Sequence[int]:
        """Integers of an entry, the first so many of them."""
        form = INTEGERS.get(entry.kind) if entry else None
        if entry is None or form is None:
            return ()
        count = min(entry.count, at_most)
        try:
            return struct.unpack_from(f"{self.order}{count}{form}", self.data, entry.at)
        except (struct.error, OverflowError):
            raise truncated("inside a directory's values") from None

    def value(self, entries: Directory, tag: int, default: int) -> int:
        """The first integer of a tag."""
        found = self.values(entries.get(tag), 1)
        return found[0] if found else default

    def appended(self, fields: Fields) -> tuple[Edit, Edit]:
        """Edits that put a directory at the end of the file and make it the first.

        Values that have no room in it stand behind it.
        """
        end = len(self.data)
        start = end + (end & 1)
        count, number, entry_size = ("Q", "HHQ", 20) if self.big else ("H", "HHI", 12)
        head = bytes(start - end) + struct.pack(self.order + count, len(fields))
        values_at = end + len(head) + len(fields) * entry_size + self.offset_size
        behind = b""
        for tag in sorted(fields):
            kind, values, content = fields[tag]
            head += struct.pack(self.order + number, tag, kind, values)
            if len(content) <= self.offset_size:
                head += content.ljust(self.offset_size, b"\0")
            else:
                head += self.pointer(values_at + len(behind))
                behind += content + bytes(len(content) & 1)
        first_at, last = self.first_at, bytes(self.offset_size)
        return (
            (first_at, first_at + self.offset_size, self.pointer(start)),
            (end, end, head + last + behind),
        )

    def shorts(self, values: Sequence[int]) -> Field:
        """Values of 16 bits as a field."""
        return SHORT, len(values), struct.pack(f"{self.order}{len(values)}H", *values)

    def longs(self, values: Sequence[int]) -> Field:
        """Values of 32 bits as a field."""
        return LONG, len(values), struct.pack(f"{self.order}{len(values)}I", *values)

    def pointer(self, at: int) -> bytes:
        """A position, as it stands in the file."""
        return struct.pack(self.order + ("Q" if self.big else "I"), at)
