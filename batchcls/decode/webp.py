"""WebP: the walk over its RIFF chunks. Only the first frame of an animation is ever decoded.

A file that ends after its picture (or its first frame) has that picture, unless what was to follow
may turn it.
"""

import struct
from dataclasses import replace

from batchcls.decode.exif import upright
from batchcls.decode.header import (
    Edit,
    Header,
    check_frame,
    check_parts,
    check_size,
    corrupt,
    truncated,
)
from batchcls.images import FRAME_MARK

MARK_AT, MARK_SIZE = 30, 12
"""The chunk that says which frame is meant; see `sources.containers.frames`."""
ALPHA = 0x10  # of the flags in VP8X
ANNOUNCED = {b"EXIF": 0x08, b"XMP ": 0x04}
"""Flags that announce a chunk; where it does not come, nobody knows the orientation."""


def read(data: bytes, max_pixels: int) -> Header:
    """Header of a WebP file.

    Raises:
        ImageError: truncated, corrupt, too_large.
    """
    if len(data) < 20:
        raise truncated("inside its header")
    end = 8 + int.from_bytes(data[4:8], "little")
    first = data[12:16]
    header = _first_chunk(first, data)
    check_size(header.width, header.height, max_pixels)
    frames, picture = 0, False
    beside: dict[bytes, bytes] = {}
    at = 12
    parts = 0
    while at + 8 <= end:
        check_parts(parts := parts + 1)
        kind, length = struct.unpack_from("<4sI", data, at) if at + 8 <= len(data) else (b"", 0)
        stop = at + 8 + length
        if max(stop, at + 8) > len(data):
            break
        if stop > end:
            raise corrupt("a chunk that is longer than the file")
        frames += kind == b"ANMF"
        picture = picture or kind in (b"VP8 ", b"VP8L", b"ANMF")
        if kind in (b"EXIF", b"XMP "):
            beside.setdefault(kind, data[at + 8 : stop])
        at = stop + (length & 1)
    flags = data[20] if first == b"VP8X" else 0
    missing = [kind for kind, flag in ANNOUNCED.items() if flags & flag and kind not in beside]
    if end > len(data) and (missing or not picture):
        raise truncated("before the picture does (shorter than its RIFF header says)")
    if not picture:
        raise corrupt("no picture between its chunks")
    edits: tuple[Edit, ...] = ()
    if end > len(data):  # whole chunks up to `at`, the last one perhaps without its padding
        ending = bytes(max(at - len(data), 0))
        edits = ((4, 8, (at - 8).to_bytes(4, "little")), (min(at, len(data)), len(data), ending))
    frame, edits = _meant(data, edits)
    if frame >= max(frames, 1):
        raise truncated(f"before frame {frame} does")
    check_frame(frame, header.width, header.height, max_pixels)
    exif = beside.get(b"EXIF", b"")
    return replace(
        header, frames=max(frames, 1), frame=frame, edits=edits, exif=exif,
        orientation=upright(exif, beside.get(b"XMP ")),
    )  # fmt: skip


def _meant(data: bytes, edits: tuple[Edit, ...]) -> tuple[int, tuple[Edit, ...]]:
    """Which frame is meant, and the edits with one more where a mark says so."""
    if data[MARK_AT : MARK_AT + 8] != FRAME_MARK[:4] + b"\4\0\0\0":
        return 0, edits
    (frame,) = struct.unpack_from("<I", data, MARK_AT + 8)
    size = edits[0][2] if edits else data[4:8]
    size = (int.from_bytes(size, "little") - MARK_SIZE).to_bytes(4, "little")
    return frame, ((4, 8, size), (MARK_AT, MARK_AT + MARK_SIZE, b""), *edits[1:])


def _first_chunk(kind: bytes, data: bytes) -> Header:
    if len(data) < 30:
        raise truncated("inside its header")
    if kind == b"VP8X":
        width = int.from_bytes(data[24:27], "little") + 1
        height = int.from_bytes(data[27:30], "little") + 1
        return _header(width, height, alpha=bool(data[20] & ALPHA))
    if kind == b"VP8L":
        if data[20] != 0x2F:
            raise corrupt("no lossless picture in it")
        packed = int.from_bytes(data[21:25], "little")
        return _header(
            (packed & 0x3FFF) + 1, (packed >> 14 & 0x3FFF) + 1, alpha=bool(packed >> 28 & 1)
        )
    if kind == b"VP8 ":
        if data[23:26] != b"\x9d\x01\x2a":
            raise corrupt("no key frame in it")
        width, height = struct.unpack_from("<HH", data, 26)
        return _header(width & 0x3FFF, height & 0x3FFF, alpha=False)
    raise corrupt(f"an unknown first chunk {kind!r}")


def _header(width: int, height: int, *, alpha: bool) -> Header:
    return Header("webp", width, height, channels=4 if alpha else 3, alpha=alpha)
