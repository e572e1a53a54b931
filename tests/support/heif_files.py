"""AVIF and HEIC files put together by hand around coded pictures, or around what pretends to be."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

BRANDS = {"avif": b"avif\0\0\0\0avifmif1miaf", "heic": b"heic\0\0\0\0heicmif1miaf"}
CODED = {"avif": b"av01", "heic": b"hvc1"}


def box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I", 8 + len(body)) + kind + body


def full(kind: bytes, *parts: bytes, version: int = 0, flags: int = 0) -> bytes:
    return box(kind, struct.pack(">I", version << 24 | flags), *parts)


def ispe(width: int, height: int) -> bytes:
    return full(b"ispe", struct.pack(">II", width, height))


def irot(turns: int) -> bytes:
    return box(b"irot", bytes([turns]))


def imir(axis: int) -> bytes:
    return box(b"imir", bytes([axis]))


def grid(columns: int, rows: int, width: int, height: int) -> bytes:
    return struct.pack(">BBBBII", 0, 1, rows - 1, columns - 1, width, height)


ESSENTIAL = 0x80
DECODED_BY = (b"av1C", b"hvcC", b"irot", b"imir", b"clap")
"""Properties that a reader may not pass over."""
ALPHA = full(b"auxC", b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0")
AV1C = box(b"av1C", b"\x81\0\x0c\0")


@dataclass(frozen=True)
class Item:
    """One item: its kind, its bytes, its properties as boxes, and what it refers to."""

    kind: bytes
    content: bytes = b""
    properties: Sequence[bytes] = ()
    refers: Sequence[tuple[bytes, Sequence[int]]] = ()
    extents: Sequence[tuple[int, int]] | None = None
    """Offset and length in the file instead of `content`."""


@dataclass(frozen=True)
class Extra:
    """What a meta box, or the file, has beside its items."""

    infes: bytes = b""
    refs: bytes = b""
    boxes: bytes = b""
    before: bytes = b""
    primary: int = field(default=1)


def heif(form: str, items: Sequence[Item], extra: Extra | None = None) -> bytes:
    """A file of items, numbered from 1."""
    extra = extra or Extra()
    ftyp = box(b"ftyp", BRANDS[form])
    head = len(ftyp) + len(extra.before)
    size = len(_meta(items, extra, 0))
    return ftyp + extra.before + _meta(items, extra, head + size + 8) + box(
        b"mdat", *(one.content for one in items)
    )  # fmt: skip


def _meta(items: Sequence[Item], extra: Extra, at: int) -> bytes:
    numbered = list(enumerate(items, 1))
    infes = b"".join(
        full(b"infe", struct.pack(">HH4sx", number, 0, one.kind), version=2)
        for number, one in numbered
    )
    known = list(dict.fromkeys(prop for one in items for prop in one.properties))
    ipma, iloc = b"", b""
    for number, one in numbered:
        indices = [
            known.index(prop) + 1 | ESSENTIAL * (prop[4:8] in DECODED_BY) for prop in one.properties
        ]
        ipma += struct.pack(">HB", number, len(indices)) + bytes(indices)
        extents = one.extents
        if extents is None:
            extents = [(at, len(one.content))]
            at += len(one.content)
        iloc += struct.pack(">HHH", number, 0, len(extents))
        iloc += b"".join(struct.pack(">QQ", *extent) for extent in extents)
    refs = b"".join(
        box(kind, struct.pack(f">HH{len(to)}H", number, len(to), *to))
        for number, one in numbered
        for kind, to in one.refers
    )
    return full(
        b"meta",
        full(b"hdlr", bytes(4) + b"pict" + bytes(13)),
        full(b"pitm", struct.pack(">H", extra.primary)),
        full(b"iloc", b"\x88\0" + struct.pack(">H", len(items)) + iloc),
        full(b"iinf", struct.pack(">H", len(items)), infes, extra.infes),
        full(b"iref", refs, extra.refs),
        box(b"iprp", box(b"ipco", *known), full(b"ipma", struct.pack(">I", len(items)) + ipma)),
        extra.boxes,
    )


def obu(kind: int, body: bytes) -> bytes:
    """A unit of AV1, with its length."""
    size, length = len(body), b""
    while True:
        length += bytes([size & 127 | (128 if size > 127 else 0)])
        size >>= 7
        if not size:
            return bytes([kind << 3 | 2]) + length + body


class BitString:
    """Bits, put together by hand."""

    def __init__(self) -> None:
        self._bits = ""

    def put(self, value: int, count: int) -> "BitString":
        self._bits += f"{value:0{count}b}" if count else ""
        return self

    def golomb(self, value: int) -> "BitString":
        return self.put(value + 1, 2 * (value + 1).bit_length() - 1)

    def bytes(self) -> bytes:
        padded = self._bits + "1" + "0" * (-(len(self._bits) + 1) % 8)
        return int(padded, 2).to_bytes(len(padded) // 8, "big")


def av1_sequence(width: int, height: int) -> bytes:
    """A reduced sequence header for still pictures."""
    bits = BitString().put(0, 3).put(1, 1).put(1, 1).put(8, 5)
    wide, high = max(1, (width - 1).bit_length()), max(1, (height - 1).bit_length())
    bits.put(wide - 1, 4).put(high - 1, 4).put(width - 1, wide).put(height - 1, high)
    return obu(1, bits.put(0, 64).bytes())


def hevc_sequence(width: int, height: int) -> bytes:
    """A sequence parameter set, up to its size."""
    bits = BitString().put(33 << 9 | 1, 16).put(0, 4).put(0, 3).put(1, 1).put(0, 96)
    return bits.golomb(0).golomb(1).golomb(width).golomb(height).put(0, 64).bytes()


def hvcc(*units: bytes) -> bytes:
    arrays = b"".join(b"\x21" + struct.pack(">HH", 1, len(unit)) + unit for unit in units)
    return box(b"hvcC", b"\1" + bytes(20) + b"\3" + bytes([len(units)]) + arrays)


def picture(form: str, width: int, height: int, coded: tuple[int, int] | None = None) -> Item:
    """What has the structure of a picture, and no pixels."""
    size = coded or (width, height)
    if form == "avif":
        return Item(b"av01", av1_sequence(*size) + obu(6, bytes(16)), (ispe(width, height), AV1C))
    return Item(
        b"hvc1", struct.pack(">I", 16) + b"\x26\1" + bytes(14),
        (ispe(width, height), hvcc(hevc_sequence(*size))),
    )  # fmt: skip
