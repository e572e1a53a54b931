"""JPEG 2000: the boxes around a codestream, its size, and whether all its tiles are there.

Read are gray and RGB of up to eight bits, with or without transparency: what OpenCV decodes as
Pillow does. Of other kinds it makes wrong colours (sYCC, 16 bits) or nothing.
"""

import struct

from batchcls.decode.header import Header, check_parts, check_size, corrupt, truncated
from batchcls.decode.iso_boxes import Box, boxes_within, whole_boxes

CODESTREAM = b"\xff\x4f\xff\x51"
FIRST, COD, COC, SOT, SOD, EOC = 0xFF50, 0xFF52, 0xFF53, 0xFF90, 0xFF93, b"\xff\xd9"
"""Markers; the first of those that have a length, and others by their names in the standard."""
SIZE = struct.Struct(">HHIIIIIIIIH")
SIZE_EACH = 3
"""What the marker of the size holds, and bytes of each component behind it."""
CODING = struct.Struct(">HHBBHBBBB")
"""The marker COD up to the size of its code blocks."""
PRECINCTS_AT = 14
TILE_PART = struct.Struct(">HHHIBB")
MAX_TILES, MAX_LAYERS, MAX_LEVELS, MAX_MARKERS = 4096, 256, 32, 1000
MAX_PARTS = 8192
MAX_BLOCKS = 1 << 22
"""Code blocks and precincts, for each of which the decoder keeps some hundred bytes."""
YCC = 18
"""Of the colour spaces that have numbers."""
PALETTE = b"pclr"


def read(data: bytes, max_pixels: int) -> Header:
    """Header of a JPEG 2000 file, with boxes or without.

    Raises:
        ImageError: truncated, corrupt, too_large.
    """
    if data.startswith(CODESTREAM):
        return _codestream(data, 0, len(data), max_pixels)
    boxes = whole_boxes(data)
    if b"jp2c" not in boxes:
        raise truncated("before its picture")
    if b"jp2h" not in boxes:
        raise corrupt("no header between its boxes")
    for box in boxes_within(data, boxes[b"jp2h"].start, boxes[b"jp2h"].end):
        _check_colours(data, box)
    picture = boxes[b"jp2c"]
    return _codestream(data, picture.start, picture.end, max_pixels)


def _check_colours(data: bytes, box: Box) -> None:
    if box.kind == PALETTE:
        raise corrupt("JPEG 2000 with a palette, which is not read")
    numbered = box.kind == b"colr" and data[box.start : box.start + 1] == b"\1"
    if numbered and int.from_bytes(data[box.start + 3 : box.start + 7], "big") == YCC:
        raise corrupt("JPEG 2000 in sYCC, which is not read")


def _codestream(data: bytes, start: int, end: int, max_pixels: int) -> Header:
    at = start + 4
    if end - at < SIZE.size:
        raise truncated("inside its header")
    if data[start:at] != CODESTREAM:
        raise corrupt("no codestream where its boxes say")
    length, _, right, bottom, left, top, wide, high, tiles_left, tiles_top, channels = (
        SIZE.unpack_from(data, at)
    )
    check_size(right - left, bottom - top, max_pixels)
    if left or top or tiles_left or tiles_top:
        raise corrupt("JPEG 2000 that is part of a larger picture, which is not read")
    if not 1 <= channels <= 4 or length != SIZE.size + SIZE_EACH * channels:
        raise corrupt(f"{channels} samples per pixel")
    if not wide or not high:
        raise corrupt("tiles without a size")
    tiles = -(-right // wide) * -(-bottom // high)
    check_parts(tiles, MAX_TILES)
    samples = data[at + SIZE.size : at + length]
    if len(samples) < SIZE_EACH * channels:
        raise truncated("inside its header")
    for depth, across, down in struct.iter_unpack("BBB", samples):
        if depth > 7 or (across, down) != (1, 1):
            raise corrupt("JPEG 2000 of signed, subsampled or more than 8-bit samples")
    at = _first_tile(data, at + length, end, (right, bottom, channels))
    _check_tiles(data, at, end, tiles)
    return Header("jp2", right, bottom, channels=channels, alpha=channels in (2, 4))


def _first_tile(data: bytes, at: int, end: int, size: tuple[int, int, int]) -> int:
    """Where the main header ends.

    Args:
        size: width, height and samples per pixel.
    """
    for _ in range(MAX_MARKERS):
        if at + 4 > end:
            raise truncated("inside its header")
        marker, length = struct.unpack_from(">HH", data, at)
        if marker == SOT:
            return at
        if marker < FIRST or marker == COC or length < 2:
            raise corrupt("a header of JPEG 2000 that is not read")
        if marker == COD:
            if at + 2 + length > end:
                raise truncated("inside its header")
            _check_coding(data[at : at + 2 + length], *size)
        at += 2 + length
    raise corrupt("a header without end")


def _check_coding(block: bytes, width: int, height: int, channels: int) -> None:
    """Refuse so many layers, code blocks or precincts that they, and not pixels, cost the most."""
    if len(block) < CODING.size:
        raise corrupt("a header that is too short")
    _, _, style, _, layers, _, levels, across, down = CODING.unpack_from(block)
    check_parts(layers, MAX_LAYERS)
    if levels > MAX_LEVELS:
        raise corrupt(f"{levels} levels of resolution")
    blocks = (width >> across + 2) * (height >> down + 2) * channels
    sides = block[PRECINCTS_AT:] if style & 1 else b""
    for level, side in enumerate(sides[: levels + 1]):
        smaller = levels - level
        blocks += (width >> smaller + (side & 15)) * (height >> smaller + (side >> 4)) * channels
    check_parts(blocks, MAX_BLOCKS)


def _check_tiles(data: bytes, at: int, end: int, tiles: int) -> None:
    """Each tile has a part, and the last one is followed by the end marker."""
    seen: set[int] = set()
    parts = 0
    while data[at : at + 2] != EOC or at + 2 > end:
        check_parts(parts := parts + 1, MAX_PARTS)
        if at + TILE_PART.size > end:
            raise truncated("inside the picture")
        marker, _, tile, length, _, _ = TILE_PART.unpack_from(data, at)
        if marker != SOT or tile >= tiles or 0 < length < TILE_PART.size:
            raise corrupt("a tile that contradicts the header")
        _check_tile_header(data, at + TILE_PART.size, end)
        seen.add(tile)
        if not length:  # up to the end
            if not data.endswith(EOC, at, end):
                raise truncated("inside the picture")
            break
        at += length
    if len(seen) != tiles:
        raise corrupt(f"{len(seen)} of {tiles} tiles")


def _check_tile_header(data: bytes, at: int, end: int) -> None:
    """A tile is coded as the main header says."""
    for _ in range(MAX_MARKERS):
        if at + 4 > end:
            raise truncated("inside the picture")
        marker, length = struct.unpack_from(">HH", data, at)
        if marker == SOD:
            return
        if marker < FIRST or marker in (COD, COC) or length < 2:
            raise corrupt("a tile with a header of its own, which is not read")
        at += 2 + length
    raise corrupt("a tile's header without end")
