"""HEVC: the sizes that a coded picture states, whatever the file around it says."""

from batchcls.decode.bits import Bits
from batchcls.decode.header import check_parts, corrupt

KIND, SEQUENCE = 0x7F, 33 << 1
"""What of a unit's first byte counts, and what that is of a sequence parameter set: decoders skip
the bit above it, which is to be 0."""
SECOND_LAYER = b"\x08"
"""The second byte where it is of another layer."""
LENGTH_SIZE = 4
"""Bytes of a unit's length: libheif takes no others, whatever the header says."""
LONGEST = 512
"""Bytes of a parameter set within which its size stands."""
MAX_UNITS = 4096


def sizes(data: bytes, configuration: bytes) -> list[tuple[int, int]]:
    """Width and height by each sequence parameter set (ITU-T H.265, 7.3.2.2).

    Args:
        data: the picture's units, each behind its length.
        configuration: the property `hvcC`, which holds most parameter sets.

    Raises:
        ImageError: corrupt, too_large.
    """
    units = _configured(configuration)
    at = 0
    while at + LENGTH_SIZE <= len(data):
        check_parts(len(units), MAX_UNITS)
        start = at + LENGTH_SIZE
        at = start + int.from_bytes(data[at:start], "big")
        if at > len(data):
            raise corrupt("a unit that is longer than the picture's bytes")
        units.append(data[start : min(at, start + LONGEST)])
    return [_size(unit) for unit in units if _counts(unit)]


def _counts(unit: bytes) -> bool:
    """Whether it is a sequence parameter set of what is shown, not of a second eye."""
    return bool(unit) and unit[0] & KIND == SEQUENCE and unit[1:2] < SECOND_LAYER


def _configured(configuration: bytes) -> list[bytes]:
    """The units of the property."""
    if len(configuration) < 23:
        raise corrupt("a picture without its decoder's header")
    if (length := (configuration[21] & 3) + 1) != LENGTH_SIZE:
        raise corrupt(f"a picture in units whose lengths have {length} bytes, not {LENGTH_SIZE}")
    units: list[bytes] = []
    at = 23
    for _ in range(configuration[22]):
        count, at = int.from_bytes(configuration[at + 1 : at + 3], "big"), at + 3
        for _ in range(count):
            check_parts(len(units), MAX_UNITS)
            start = at + 2
            at = start + int.from_bytes(configuration[at:start], "big")
            if at > len(configuration):
                raise corrupt("a decoder's header that ends early")
            units.append(configuration[start:at])
    return units


def _size(unit: bytes) -> tuple[int, int]:
    bits = Bits(unit.replace(b"\0\0\3", b"\0\0"))
    bits.take(16 + 4)
    layers = bits.take(3)
    bits.take(1)
    bits.take(96)  # the general profile and level
    present = [(bits.take(1), bits.take(1)) for _ in range(layers)]
    if layers:
        bits.take(2 * (8 - layers))
    for profile, level in present:
        bits.take(88 * profile + 8 * level)
    bits.golomb()
    if bits.golomb() == 3:  # 4:4:4
        bits.take(1)
    return bits.golomb(), bits.golomb()
