"""PNG: the walk over its chunks to IEND.

Only the critical chunks go on to the decoder: ancillary ones (compressed texts and colour
profiles, animation, EXIF) change no pixel here, and are where bombs hide.

A file without IEND is whole if its compressed pixels are: zlib's checksum ends them.
"""

import itertools
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from batchcls.decode import png_unended
from batchcls.decode.exif import upright
from batchcls.decode.header import (
    Edit,
    Header,
    check_parts,
    check_size,
    corrupt,
    truncated,
)
from batchcls.errors import ImageError

CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type
ANCILLARY = 0x20  # of the first letter: lower case
CHUNK = struct.Struct(">I4s")  # length of its content, kind
MAX_CHUNK = (1 << 31) - 1
MAX_TEXT = 1 << 20
"""Bytes that are inflated of a text, as in Pillow."""
INTERLACED = 1 << 16
"""Bytes that interlacing may add: a filter type for each row of seven pictures."""
TEXTS = frozenset({b"tEXt", b"zTXt", b"iTXt"})
RAW_PROFILE = b"Raw profile type exif"
"""ImageMagick's and exiftool's way from before PNG had a chunk for EXIF: hexadecimal digits."""
XMP = b"XML:com.adobe.xmp"
ORIENTING = (RAW_PROFILE, XMP)
"""Keywords of the texts that are read; a file may hold any number of others."""


def read(data: bytes, max_pixels: int) -> Header:
    """Header of a PNG file.

    Raises:
        ImageError: truncated, corrupt, too_large.
    """
    width, height, bits, colour = _first_chunk(data)
    check_size(width, height, max_pixels)
    if colour not in CHANNELS:
        raise corrupt(f"colour type {colour}")
    found = _Found(alpha=colour >= 4)
    try:
        for kind, start, end in _chunks(data):
            found.chunk(kind, data, start, end)
    except ImageError as error:
        if error.kind == "too_large":
            raise
        room = (width * bits * CHANNELS[colour] // 8 + 2) * height
        edits = png_unended.completed(data, at_most=room + INTERLACED)
        if edits is None:
            raise
        found.picture, found.edits = True, edits
    if not found.picture:
        raise corrupt("no picture between its chunks")
    beside = found.beside
    exif = beside.get("exif", beside.get("profile"))
    return Header(
        "png",
        width,
        height,
        frames=max(found.frames, 1),
        bits=bits,
        channels=CHANNELS[colour],
        alpha=found.alpha,
        orientation=upright(exif, beside.get("xmp")),
        exif=exif or b"",
        edits=tuple(found.edits),
    )


@dataclass(slots=True)
class _Found:
    """What the chunks so far have said."""

    alpha: bool
    frames: int = 1
    picture: bool = False
    beside: dict[str, bytes] = field(default_factory=dict)
    edits: list[Edit] = field(default_factory=list)

    def chunk(self, kind: bytes, data: bytes, start: int, end: int) -> None:
        """Note the next chunk."""
        if kind == b"IDAT":
            self.picture = True
        elif kind == b"acTL" and end - start >= 16:
            (self.frames,) = struct.unpack_from(">I", data, start + 8)
        elif kind == b"tRNS":
            self.alpha = True
        elif kind == b"eXIf" or (kind in TEXTS and data.startswith(ORIENTING, start + 8)):
            self.beside |= _orienting(kind, data[start + 8 : end - 4])
        if kind[0] & ANCILLARY:
            _drop(self.edits, start, end)


def _first_chunk(data: bytes) -> tuple[int, int, int, int]:
    """Width, height, bits and colour type from IHDR."""
    if len(data) < 33:
        raise truncated("inside its header")
    kind, width, height, bits, colour = struct.unpack_from(">4sIIBB", data, 12)
    if kind == b"CgBI":
        raise corrupt("Apple's own variant of PNG, which no other decoder reads")
    if kind != b"IHDR":
        raise corrupt("no IHDR chunk at its beginning")
    return width, height, bits, colour


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Kind, start and end of every chunk before IEND, which must be there."""
    at = 8
    for parts in itertools.count(1):
        check_parts(parts)
        if at + 12 > len(data):
            raise truncated("before the picture does (no IEND chunk)")
        length, kind = CHUNK.unpack_from(data, at)
        if not kind.isalpha():
            raise truncated("before the picture does (no IEND chunk)")
        if length > MAX_CHUNK:
            raise corrupt("a chunk of impossible length")
        end = at + 12 + length
        if end > len(data):
            raise truncated("inside a chunk")
        if kind == b"IEND":
            return
        yield kind, at, end
        at = end


def _drop(edits: list[Edit], start: int, end: int) -> None:
    """Note a chunk to leave out, together with its neighbour before it."""
    if edits and edits[-1][1] == start:
        edits[-1] = (edits[-1][0], end, b"")
    else:
        edits.append((start, end, b""))


def _orienting(kind: bytes, content: bytes) -> dict[str, bytes]:
    """What a chunk holds that may tell the orientation: EXIF, a raw profile of it, or XMP.

    Of several of a kind the last counts, as for Pillow.
    """
    if kind == b"eXIf":
        return {"exif": content}
    keyword, _, rest = content.partition(b"\0")
    if keyword not in ORIENTING:
        return {}
    packed = kind == b"zTXt"
    if kind == b"iTXt":
        packed, rest = rest[:1] == b"\1", rest[2:].split(b"\0", 2)[-1]
    elif packed:
        rest = rest[1:]  # the method, of which there is one
    if packed:
        try:
            rest = zlib.decompressobj().decompress(rest, MAX_TEXT)
        except zlib.error:
            return {}
    if keyword == XMP:
        return {"xmp": rest}
    try:
        return {"profile": bytes.fromhex("".join(rest.decode("latin-1").split("\n")[3:]))}
    except ValueError:
        return {}
