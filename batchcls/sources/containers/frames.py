"""The pages of a TIFF and the frames of a GIF or WebP as images of their own (``--frames``).

What is read is the file itself with a mark of which frame is meant: of a TIFF, its first directory
is another one; a GIF has a block, and a WebP a chunk, that `decode` takes out again.
"""

import struct
from collections.abc import Iterator
from typing import IO

from batchcls.images import FRAME_MARK, MAX_BYTES, ImageRef, Member
from batchcls.sources.containers.handle import Handle
from batchcls.sources.containers.listed import Left, Listed

PAGE, GIF, WEBP = 1, 2, 3
"""Methods: the place of a page is its directory's, that of a frame its number."""
MAX_FRAMES = 40_000
WEBP_CHUNKS_AT, WEBP_HEADER = 12, 30
"""Where a WebP's chunks begin, and where the first one ends, which says that it is animated."""


def members(file: IO[bytes], size: int, _: Left) -> Iterator[Listed]:
    """The frames of a file, as far as it has them; at least one, whatever it is."""
    data = file.read() if size <= MAX_BYTES else b""
    method, places = _frames(data)
    for number, place in enumerate(places or [0]):
        yield Listed(b"%d" % number, method, place, size, size, 0)


def read(handle: Handle, _: ImageRef, member: Member) -> bytes:
    """The file, with a mark of the frame that is meant; the first GIF or WebP frame needs none."""
    data = handle.read_at(0, member.stored)
    if member.method == PAGE:
        order, form, at, _size = _tiff(data)
        return data[:at] + struct.pack(order + form, member.offset) + data[at + _size :]
    if not member.offset:
        return data
    number = struct.pack("<I", member.offset)
    if member.method == GIF:
        at = _gif_blocks_at(data)
        block = b"\x21\xff\x0b" + FRAME_MARK + b"\4" + number + b"\0"
        return data[:at] + block + data[at:]
    chunk = FRAME_MARK[:4] + b"\4\0\0\0" + number
    longer = (int.from_bytes(data[4:8], "little") + len(chunk)) & 0xFFFFFFFF
    head = data[:4] + struct.pack("<I", longer) + data[8:WEBP_HEADER]
    return head + chunk + data[WEBP_HEADER:]


def _frames(data: bytes) -> tuple[int, list[int]]:
    try:
        if data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
            return PAGE, _pages(data)
        if data[:4] == b"GIF8":
            return GIF, list(range(_gif_frames(data)))
        if data[:4] == b"RIFF" and data[8:16] == b"WEBPVP8X":
            return WEBP, list(range(_webp_frames(data)))
    except (IndexError, struct.error):
        pass  # reading it says what is wrong with it
    return 0, []


def _tiff(data: bytes) -> tuple[str, str, int, int]:
    """Byte order, form of an offset, and where the first one is and how long."""
    big = data[2:4] in (b"+\0", b"\0+")
    order = "<" if data[:2] == b"II" else ">"
    return (order, "Q", 8, 8) if big else (order, "I", 4, 4)


def _pages(data: bytes) -> list[int]:
    order, form, at, size = _tiff(data)
    count, entry = ("Q", 20) if size == 8 else ("H", 12)
    found: dict[int, None] = {}  # in order, and quick to ask
    try:
        while len(found) < MAX_FRAMES:
            (page,) = struct.unpack_from(order + form, data, at)
            if not page or page in found:
                break
            (entries,) = struct.unpack_from(order + count, data, page)
            at = page + struct.calcsize(count) + entries * entry
            if at > len(data):
                break
            found[page] = None
    except (OverflowError, struct.error):
        pass  # the file ends; what is there of it counts
    return list(found)


def _gif_blocks_at(data: bytes) -> int:
    return 13 + (3 << (data[10] & 7) + 1 if data[10] & 0x80 else 0)


def _gif_frames(data: bytes) -> int:
    at, frames = _gif_blocks_at(data), 0
    try:
        while frames < MAX_FRAMES and data[at] in (0x21, 0x2C, 0):
            if not data[at]:
                at += 1
                continue
            image = data[at] == 0x2C
            if image:
                table = data[at + 9]
                at += 11 + (3 << (table & 7) + 1 if table & 0x80 else 0)
            else:
                at += 2
            while size := data[at]:
                at += size + 1
            at += 1
            frames += image
    except IndexError:
        pass  # the file ends; what is there of it counts
    return frames


def _webp_frames(data: bytes) -> int:
    at, frames = WEBP_CHUNKS_AT, 0
    while at + 8 <= len(data) and frames < MAX_FRAMES:
        kind, length = struct.unpack_from("<4sI", data, at)
        at += 8 + length + (length & 1)
        frames += kind == b"ANMF" and at <= len(data) + 1
    return frames
