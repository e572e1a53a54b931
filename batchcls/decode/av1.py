"""AV1: the sizes that a coded picture states, whatever the file around it says."""

from batchcls.decode.bits import Bits
from batchcls.decode.header import check_parts, corrupt

SEQUENCE, FRAME_HEADER, FRAME = 1, 3, 6
MAX_UNITS = 4096
MAX_FRAMES = 32
"""A still picture is one frame, or one of each layer."""


def sizes(data: bytes) -> list[tuple[int, int]]:
    """Largest width and height of the frames, by each sequence header (AV1 specification, 5.5).

    Args:
        data: open bitstream units.

    Raises:
        ImageError: corrupt, too_large.
    """
    found: list[tuple[int, int]] = []
    at = parts = frames = 0
    while at < len(data):
        check_parts(parts := parts + 1, MAX_UNITS)
        kind, extended, sized = data[at] >> 3 & 15, data[at] >> 2 & 1, data[at] >> 1 & 1
        at += 1 + extended
        length, at = _leb128(data, at) if sized else (len(data) - at, at)
        if at + length > len(data):
            raise corrupt("a unit that is longer than the picture's bytes")
        if kind == SEQUENCE:
            found.append(_size(Bits(data[at : at + length])))
        frames += kind in (FRAME_HEADER, FRAME)
        at += length
    if frames > MAX_FRAMES:
        raise corrupt(f"{frames} frames in one picture")
    return found


def _leb128(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for place, byte in enumerate(data[at : at + 8]):
        value |= (byte & 127) << 7 * place
        if not byte & 128:
            return value, at + place + 1
    raise corrupt("a length that does not end")


def _size(bits: Bits) -> tuple[int, int]:
    bits.take(4)
    if bits.take(1):  # a reduced header
        bits.take(5)
    else:
        _pass_operating_points(bits)
    wide, high = bits.take(4) + 1, bits.take(4) + 1
    return bits.take(wide) + 1, bits.take(high) + 1


def _pass_operating_points(bits: Bits) -> None:
    delay_bits = 0
    modelled = 0
    if bits.take(1):  # timing
        bits.take(64)
        if bits.take(1):
            bits.golomb()
        modelled = bits.take(1)
        if modelled:
            delay_bits = bits.take(5) + 1
            bits.take(42)
    delayed = bits.take(1)
    for _ in range(bits.take(5) + 1):
        bits.take(12)
        if bits.take(5) > 7:
            bits.take(1)
        if modelled and bits.take(1):
            bits.take(2 * delay_bits + 1)
        if delayed and bits.take(1):
            bits.take(4)
