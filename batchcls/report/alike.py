"""Finds pictures that look alike by 64-bit perceptual hashes: few bits differ. Pure."""

from collections.abc import Mapping

CLOSE = 6
"""Bits of 64 that may differ; unrelated photographs differ by about 32."""


def groups(hashes: Mapping[int, int]) -> list[list[int]]:
    """Keys of pictures that look alike, the largest group first.

    A picture belongs to a group if it is close to one of its pictures. Compares all pairs: two
    million for two thousand pictures, half a second.

    Args:
        hashes: by key. Flat pictures, whose hash is all zeros or ones, are like nothing.
    """
    known = [(key, value) for key, value in hashes.items() if 4 < value.bit_count() < 60]
    first = {key: key for key, _ in known}

    def root(key: int) -> int:
        while first[key] != key:
            first[key] = key = first[first[key]]
        return key

    for n, (key, value) in enumerate(known):
        for other, its in known[:n]:
            if (value ^ its).bit_count() <= CLOSE:
                first[root(key)] = root(other)
    found: dict[int, list[int]] = {}
    for key, _ in known:
        found.setdefault(root(key), []).append(key)
    return sorted((g for g in found.values() if len(g) > 1), key=lambda g: (-len(g), g))
