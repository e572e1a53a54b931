"""Byte strings that each end in a NUL, the one byte that no path contains; a block at a time."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import IO

BLOCK = 1 << 16
NAMES_AT_ONCE = 4096


class Splitter:
    """Takes a stream of blocks apart.

    Attributes:
        rest: what came behind the last NUL; at the end of the stream, a string that is cut off.
    """

    def __init__(self) -> None:
        self.rest = b""

    def split(self, block: bytes) -> list[bytes]:
        """The strings that end in the next block, the first of which may have begun before it."""
        names = (self.rest + block).split(b"\0")
        self.rest = names.pop()
        return names


def joined(names: Iterable[bytes]) -> bytes:
    """The strings as one block."""
    return b"\0".join([*names, b""])


def read_names(file: IO[bytes]) -> Iterator[bytes]:
    """The strings of a file; a last one without NUL comes too."""
    splitter = Splitter()
    while block := file.read(BLOCK):
        yield from splitter.split(block)
    if splitter.rest:
        yield splitter.rest


def write_names(file: IO[bytes], names: Iterable[bytes]) -> None:
    """Write strings to a buffered file."""
    left = iter(names)
    while some := list(islice(left, NAMES_AT_ONCE)):
        file.write(joined(some))
    file.flush()
