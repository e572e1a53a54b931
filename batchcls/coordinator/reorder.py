"""Holds finished lines until the lines before them are there; many of them, packed.

While one image hangs, for up to three deadlines, the others' lines wait here. So that they can be
very many in bounded memory, they are compressed once there are more than pass by in everyday work.
Measured on lines of ten ImageNet classes, 700 bytes each: 930 bytes of memory loose, 130 packed,
for 3 microseconds a line.
"""

import json
import zlib
from collections.abc import Callable, Iterator

from batchcls.messages import Answer

LOOSE = 1 / 24
"""Of the limit: what lines may take as they are; also the most that is packed or unpacked at once.
"""

OVERHEAD = 230
"""Bytes of memory that a loose line takes besides its own: objects, and its place in a table."""


class ReorderBuffer:
    """Finished lines by their index.

    Args:
        limit: bytes of memory from which on it is full; it takes lines even then.

    Attributes:
        size: bytes of memory that the lines take, about.
    """

    def __init__(self, limit: int) -> None:
        self.size = 0
        self._limit = limit
        self._loose: dict[int, Answer] = {}
        self._loose_size = 0
        self._packed: dict[int, bytes] = {}  # index of the first line → a run of lines
        self._kept = 0  # bytes that came since it was last decided whether to pack

    def __bool__(self) -> bool:
        return bool(self._loose or self._packed)

    @property
    def packs(self) -> tuple[int, ...]:
        """Indices of the first lines of the packs."""
        return tuple(self._packed)

    @property
    def full(self) -> bool:
        """No more images should be begun whose lines would have to wait."""
        return self.size >= self._limit

    def keep(self, answer: Answer) -> None:
        """Hold a line that is not held yet."""
        self._loose[answer.index] = answer
        self._kept += self._add(answer, 1)
        if self._kept > LOOSE * self._limit:
            self._kept = 0
            if self._loose_size > LOOSE * self._limit:
                self._pack()

    def begins(self, index: int) -> bool:
        """The line of this index, at which lines were let go up to now, is held."""
        return index in self._loose or index in self._packed

    def take(self, first: int, held: Callable[[int], bool]) -> tuple[Answer, ...]:
        """Let go of lines from index `first` on, in order, up to a gap; of very many, the first.

        Args:
            first: the next line to record.
            held: whether the line of this index must wait all the same.
        """
        if first in self._packed and not held(first):
            self._unpack(first)
        lines: list[Answer] = []
        index = first
        while index in self._loose and not held(index):
            answer = self._loose.pop(index)
            self._add(answer, -1)
            lines.append(answer)
            index += 1
        return tuple(lines)

    def _add(self, answer: Answer, sign: int) -> int:
        size = sign * (len(answer.line) + OVERHEAD)
        self._loose_size += size
        self.size += size
        return size

    def _pack(self) -> None:
        for run in _runs(self._loose):
            facts = json.dumps([[answer.failed, answer.label] for answer in run]).encode()
            packed = zlib.compress(b"\n".join([facts, *(answer.line for answer in run)]), 1)
            self._packed[run[0].index] = packed
            self.size += len(packed) + OVERHEAD
        self.size -= self._loose_size
        self._loose, self._loose_size = {}, 0

    def _unpack(self, first: int) -> None:
        packed = self._packed.pop(first)
        self.size -= len(packed) + OVERHEAD
        facts, *lines = zlib.decompress(packed).split(b"\n")
        for index, (line, (failed, label)) in enumerate(zip(lines, json.loads(facts), strict=True)):
            answer = self._loose[first + index] = Answer(first + index, line, failed, label)
            self._add(answer, 1)


def _runs(loose: dict[int, Answer]) -> Iterator[list[Answer]]:
    """The lines in order, split where one is missing."""
    run: list[Answer] = []
    for index in sorted(loose):
        if run and index != run[-1].index + 1:
            yield run
            run = []
        run.append(loose[index])
    yield run
