"""The table of items of a HEIF file: their kinds, properties, bytes and what refers to what."""

from collections.abc import Collection
from dataclasses import dataclass

from batchcls.decode.header import Edit, check_parts, corrupt, truncated
from batchcls.decode.iso_boxes import MAX_BOXES, Box, Fields, boxes_within

ALPHA = (
    b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0",
    b"urn:mpeg:hevc:2015:auxid:1\0",
)
SHARED = 16 << 20
"""Bytes that several items may have in common, beyond the size of the file."""


@dataclass(frozen=True, slots=True)
class Item:
    """One item: its number, its kind, and its properties in order (kind and content)."""

    number: int
    kind: bytes
    properties: tuple[tuple[bytes, bytes], ...]

    def first(self, kind: bytes) -> bytes:
        """The first property of a kind; empty if there is none."""
        return next((body for one, body in self.properties if one == kind), b"")


class Items:
    """The items of a file.

    Args:
        data: the file.
        meta: its box `meta`.

    Raises:
        ImageError: corrupt, too_large.
    """

    def __init__(self, data: bytes, meta: Box) -> None:
        self._data = data
        self._left = len(data) + SHARED
        self._boxes: dict[bytes, Box] = {}
        for box in boxes_within(data, meta.start + 4, meta.end):
            self._boxes.setdefault(box.kind, box)
        self._kinds_at: dict[int, int] = {}
        kinds, properties = self._read_kinds(), self._read_properties()
        self._items = {
            number: Item(number, kind, tuple(properties.get(number, ())))
            for number, kind in kinds.items()
        }
        self._extents = self._read_extents()
        self._to: dict[tuple[bytes, int], list[int]] = {}
        self._from: dict[tuple[bytes, int], list[int]] = {}
        self._read_references()
        fields = self._fields(b"pitm")
        self.primary = self.item(fields.number(4 if fields.version else 2))

    def item(self, number: int) -> Item:
        """The item of a number.

        Raises:
            ImageError: there is none.
        """
        if number not in self._items:
            raise corrupt("a picture that its header does not know")
        return self._items[number]

    def parts_of(self, item: Item) -> list[int]:
        """Numbers of the items that this one is put together of, in order."""
        return self._to.get((b"dimg", item.number), [])

    def is_premultiplied(self, item: Item) -> bool:
        """Whether its colours are multiplied by its transparency."""
        return (b"prem", item.number) in self._to

    def without(self, kinds: Collection[bytes], items: Collection[Item] = ()) -> tuple[Edit, ...]:
        """Edits after which no reader knows these items, nor any of these kinds."""
        numbers = {item.number for item in items}
        return tuple(
            (at, at + 4, b"free")
            for number, at in sorted(self._kinds_at.items(), key=lambda pair: pair[1])
            if number in numbers or self._items[number].kind in kinds
        )

    def alpha_of(self, item: Item) -> Item | None:
        """The item that holds this one's transparency."""
        for other in self._referring(b"auxl", item):
            if other.first(b"auxC")[4:].startswith(ALPHA):
                return other
        return None

    def described_by(self, item: Item, kind: bytes) -> bytes:
        """The bytes of the item of this kind that describes another; empty if there is none."""
        for other in self._referring(b"cdsc", item):
            if other.kind == kind:
                return self.content(other)
        return b""

    def content(self, item: Item) -> bytes:
        """The bytes of an item.

        Raises:
            ImageError: truncated, corrupt.
        """
        parts = []
        for start, size, end in self._extents.get(item.number, ()):
            if start + size > end:
                raise truncated("inside the picture")
            part = self._data[start : start + size if size else end]
            self._left -= len(part)
            if self._left < 0:
                raise corrupt("parts of a picture that overlap")
            parts.append(part)
        if not parts:
            raise corrupt("a picture without bytes")
        return b"".join(parts)

    def _referring(self, kind: bytes, item: Item) -> list[Item]:
        numbers = self._from.get((kind, item.number), [])
        return [self._items[number] for number in numbers if number in self._items]

    def _box(self, kind: bytes) -> Box:
        if kind not in self._boxes:
            raise corrupt(f"no box {kind.decode()!r} in its header")
        return self._boxes[kind]

    def _fields(self, kind: bytes) -> Fields:
        return Fields(self._data, self._box(kind))

    def _read_kinds(self) -> dict[int, bytes]:
        fields = self._fields(b"iinf")
        fields.number(4 if fields.version else 2)
        kinds: dict[int, bytes] = {}
        for box in boxes_within(self._data, fields.at, fields.end):
            if box.kind != b"infe":
                continue
            entry = Fields(self._data, box)
            if entry.version in (2, 3):
                number = entry.number(4 if entry.version == 3 else 2)
                protected = entry.number(2)
                self._kinds_at.setdefault(number, entry.at)
                kind = entry.bytes(4)
                kinds.setdefault(number, b"encrypted" if protected else kind)
        return kinds

    def _read_extents(self) -> dict[int, list[tuple[int, int, int]]]:
        """Start, size and end of what holds it, by item; a size of 0 is up to that end."""
        fields = self._fields(b"iloc")
        sizes = fields.number(2)
        offset, length, base, index = (sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15, sizes & 15)
        wide = 4 if fields.version >= 2 else 2
        found: dict[int, list[tuple[int, int, int]]] = {}
        parts = 0
        for _ in range(fields.number(wide)):
            number = fields.number(wide)
            inside = fields.number(2) & 15 if fields.version else 0
            fields.number(2)
            first = fields.number(base)
            extents = found.setdefault(number, [])
            for _ in range(fields.number(2)):
                check_parts(parts := parts + 1, MAX_BOXES)
                if fields.version:
                    fields.number(index)
                start, size = first + fields.number(offset), fields.number(length)
                end = len(self._data)
                if inside:  # in the box idat; what else there is (2) is not read
                    box = (
                        self._boxes.get(b"idat", Box(b"", 0, 0)) if inside == 1 else Box(b"", 0, 0)
                    )
                    start, end = start + box.start, box.end
                extents.append((start, size, end))
        return found

    def _read_properties(self) -> dict[int, list[tuple[bytes, bytes]]]:
        box = self._box(b"iprp")
        within = list(boxes_within(self._data, box.start, box.end))
        known = [
            (box.kind, self._data[box.start : box.end])
            for container in within
            if container.kind == b"ipco"
            for box in boxes_within(self._data, container.start, container.end)
        ]
        found: dict[int, list[tuple[bytes, bytes]]] = {}
        for box in within:
            if box.kind == b"ipma":
                self._associate(Fields(self._data, box), known, found)
        return found

    @staticmethod
    def _associate(
        fields: Fields,
        known: list[tuple[bytes, bytes]],
        found: dict[int, list[tuple[bytes, bytes]]],
    ) -> None:
        size, mask = (2, 0x7FFF) if fields.flags & 1 else (1, 0x7F)
        parts = 0
        for _ in range(fields.number(4)):
            check_parts(parts := parts + 1, MAX_BOXES)
            number = fields.number(4 if fields.version else 2)
            indices = [fields.number(size) & mask for _ in range(fields.number(1))]
            chosen = [known[index - 1] for index in indices if 1 <= index <= len(known)]
            found.setdefault(number, chosen)

    def _read_references(self) -> None:
        if b"iref" not in self._boxes:
            return
        fields = self._fields(b"iref")
        size = 4 if fields.version else 2
        parts = 0
        for box in boxes_within(self._data, fields.at, fields.end):
            one = Fields(self._data, box, versioned=False)
            begin = one.number(size)
            for _ in range(one.number(2)):
                check_parts(parts := parts + 1, MAX_BOXES)
                to = one.number(size)
                self._to.setdefault((box.kind, begin), []).append(to)
                self._from.setdefault((box.kind, to), []).append(begin)
