"""What listing a container gives: members, what was left out, or why it cannot be listed."""

from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from batchcls.sources.walk import Notes

LONGEST = 1 << 14
"""Bytes of a member's name."""


class Listed(NamedTuple):
    """A member; see `batchcls.images.Member` for all but its name."""

    name: bytes
    method: int
    offset: int
    stored: int
    size: int
    crc32: int


class DamagedError(Exception):
    """A container is not what its name says, or not whole; the message continues "cannot list"."""


class Left:
    """Which members are images to label, and which others there were.

    Args:
        wanted: whether a file of this name is an image to label.
        excluded: whether a file or folder of this name is left out all the same.

    Attributes:
        notes: counts the names that say that they are not to be labelled.
        why: images that cannot be reached, counted by why.
    """

    def __init__(self, wanted: Callable[[bytes], bool], excluded: Callable[[bytes], bool]) -> None:
        self._wanted = wanted
        self._excluded = excluded
        self.notes = Notes()
        self.why: Counter[str] = Counter()

    def takes(self, name: bytes) -> bool:
        """Whether a file of this name in a container is an image to label."""
        *folders, last = name.split(b"/")
        for folder in folders:
            if folder and self._excluded(folder):
                self.notes.leave_out(folder + b"/")
                return False
        # macOS puts ._x.jpg beside x.jpg into its archives: no picture, and in no folder of a Mac.
        if last.startswith(b"._") or not self._wanted(last) or self._excluded(last):
            self.notes.leave_out(last)
            return False
        if b"\0" in name or len(name) > LONGEST:
            self.why["names that no file can have"] += 1
            return False
        return True

    def add(self, name: bytes, why: str) -> None:
        """A member that cannot be reached; it matters if it is an image by its name."""
        if self.takes(name):
            self.why[why] += 1
