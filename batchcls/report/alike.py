"""Finds pictures that look alike, and bursts, by perceptual hashes: few of 64 bits differ. Pure."""

from collections.abc import Iterable, Mapping
from datetime import datetime

CLOSE = 6
"""Bits of 64 that may differ; unrelated photographs differ by about 32."""
BURST_CLOSE = 14
"""The same for pictures that were taken one right after another: something has moved."""
BURST_S = 3.0
"""Seconds from one picture of a burst to the next, at most."""


def groups(hashes: Mapping[int, int]) -> list[list[int]]:
    """Keys of pictures that look alike, the largest group first.

    A picture belongs to a group if it is close to one of its pictures. Compares all pairs: two
    million for two thousand pictures, half a second.

    Args:
        hashes: by key. Flat pictures, of whose hash nearly all bits are the same, are like nothing.
    """
    known = [*_structured(hashes).items()]
    return _joined(
        (key, other)
        for n, (key, value) in enumerate(known)
        for other, its in known[:n]
        if (value ^ its).bit_count() <= CLOSE
    )


def bursts(hashes: Mapping[int, int], taken: Mapping[int, str]) -> list[list[int]]:
    """Keys of pictures taken one right after another that look alike, the longest burst first.

    In the order in which they were taken.

    Args:
        hashes: as of `groups`.
        taken: key → when, as records have it (``captured``); zones are left out of account, for
            the pictures of a burst have the same.
    """
    known = _structured(hashes)
    order = sorted((_moment(taken[key]), key) for key in known if taken.get(key))
    pairs = []
    for n, (moment, key) in enumerate(order):
        for earlier, other in reversed(order[:n]):
            if moment - earlier > BURST_S:
                break
            if (known[key] ^ known[other]).bit_count() <= BURST_CLOSE:
                pairs.append((key, other))
    place = {key: n for n, (_, key) in enumerate(order)}
    return [sorted(group, key=place.__getitem__) for group in _joined(pairs)]


def _structured(hashes: Mapping[int, int]) -> Mapping[int, int]:
    return {key: value for key, value in hashes.items() if 4 < value.bit_count() < 60}


def _moment(captured: str) -> float:
    """Seconds on the camera's clock."""
    return (datetime.fromisoformat(captured).replace(tzinfo=None) - datetime.min).total_seconds()


def _joined(pairs: Iterable[tuple[int, int]]) -> list[list[int]]:
    """Keys that pairs connect, the largest group first."""
    first: dict[int, int] = {}

    def root(key: int) -> int:
        while first.setdefault(key, key) != key:
            first[key] = key = first[first[key]]
        return key

    for one, other in pairs:
        first[root(one)] = root(other)
    found: dict[int, list[int]] = {}
    for key in sorted(first):
        found.setdefault(root(key), []).append(key)
    return sorted(found.values(), key=lambda group: (-len(group), group))
