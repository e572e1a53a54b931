"""Holds finished lines until the lines before them are there; many of them, packed.

While one image hangs, for up to three deadlines, the others' lines wait here. So that they can be
very many in bounded memory, they are compressed once there are more than pass by in everyday work.
Past half of the memory they go to a file, if there is one: a cluster fills it within a minute.
Measured on lines of ten ImageNet classes, 700 bytes each: 930 bytes of memory loose, 130 packed,
for 3 microseconds a line.
"""

import json
import zlib
from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol

from batchcls.messages import Answer

LOOSE = 1 / 24
"""Of the limit: what lines may take as they are; also the most that is packed or unpacked at once.
"""

OVERHEAD = 230
"""Bytes of memory that a loose line takes besides its own: objects, and its place in a table."""


class Spill(Protocol):
    """Keeps what outgrows memory."""

    def put(self, data: bytes) -> int | None:
        """Keep this; its place, or None where it cannot be kept."""

    def take(self, place: int, size: int) -> bytes:
        """Give back what was kept, once."""


class _Spilled(NamedTuple):
    """A pack that is elsewhere."""

    spill: Spill
    place: int
    size: int


class ReorderBuffer:
    """Finished lines by their index.

    Args:
        limit: bytes of memory from which on it is full; it takes lines even then.
        open_spill: opens what takes packs past half of the limit; called when it is needed.

    Attributes:
        size: bytes of memory that the lines take, about.
        next: index of the next line to let go of.
    """

    def __init__(self, limit: int, open_spill: Callable[[], Spill] | None = None) -> None:
        self.size = self.next = 0
        self._limit = limit
        self._open_spill = open_spill
        self._spill: Spill | None = None
        self._loose: dict[int, Answer] = {}
        self._loose_size = 0
        # Index of the first line → a run of lines.
        self._packed: dict[int, bytes | _Spilled] = {}

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
        self._add(answer, 1)
        if self._loose_size > LOOSE * self._limit:
            self._pack()

    @property
    def due(self) -> bool:
        """The next line is there."""
        return self.next in self._loose or self.next in self._packed

    def take(self) -> tuple[Answer, ...]:
        """Let go of the next lines, in order, up to a gap; of very many, the first."""
        lines = self._unpack(self.next) if self.next in self._packed else []
        self.next += len(lines)
        while self.next in self._loose:
            answer = self._loose.pop(self.next)
            self._add(answer, -1)
            lines.append(answer)
            self.next += 1
        return tuple(lines)

    def _add(self, answer: Answer, sign: int) -> None:
        size = sign * (len(answer.line) + OVERHEAD)
        self._loose_size += size
        self.size += size

    def _pack(self) -> None:
        for run in _runs(self._loose):
            facts = json.dumps([[answer.failed, answer.label] for answer in run]).encode()
            packed = zlib.compress(b"\n".join([facts, *(answer.line for answer in run)]), 1)
            self._packed[run[0].index] = kept = self._elsewhere(packed) or packed
            self.size += OVERHEAD + (len(packed) if kept is packed else 0)
        self.size -= self._loose_size
        self._loose, self._loose_size = {}, 0

    def _elsewhere(self, packed: bytes) -> _Spilled | None:
        """Keep a pack outside, once those that came before it take much of the memory."""
        if self._open_spill is None or self.size - self._loose_size < self._limit // 2:
            return None
        self._spill = self._spill or self._open_spill()
        place = self._spill.put(packed)
        return None if place is None else _Spilled(self._spill, place, len(packed))

    def _unpack(self, first: int) -> list[Answer]:
        packed = self._packed.pop(first)
        self.size -= OVERHEAD
        if isinstance(packed, bytes):
            self.size -= len(packed)
        else:
            packed = packed.spill.take(packed.place, packed.size)
        facts, *lines = zlib.decompress(packed).split(b"\n")
        return [
            Answer(index, line, failed, label)
            for index, (line, (failed, label)) in enumerate(
                zip(lines, json.loads(facts), strict=True), first
            )
        ]


def _runs(loose: dict[int, Answer]) -> Iterator[list[Answer]]:
    """The lines in order, split where one is missing."""
    run: list[Answer] = []
    for index in sorted(loose):
        if run and index != run[-1].index + 1:
            yield run
            run = []
        run.append(loose[index])
    yield run
