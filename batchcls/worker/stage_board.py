"""What a worker is doing at this instant, in memory that outlives it.

The worker writes a slot for each image in its hands: which image, which stage, since when. The
coordinator reads it: after a death to know the suspects, and while it lives to know that an image
takes too long. A board is a small anonymous file, shared by its descriptor; it needs no lock, since
each slot has one writer, and no clean-up, since it has no name.

A hostile worker can write anything here. The reader therefore takes nothing from it but small
integers, and the coordinator checks those against the worker's leases.
"""

import errno
import mmap
import os
import resource
import struct
import threading
import time
from dataclasses import dataclass
from typing import Self

from batchcls.errors import RefusedError
from batchcls.messages import STAGES

AHEAD = "ahead"
"""The stage before the others of an image that is far away: it is being read, and nobody waits."""
BLAMED = frozenset(STAGES) - {"wait"}
"""Stages in which the image itself can be what kills or hangs the worker."""
_SHOWN = (*STAGES, AHEAD)
_NUMBERS = {stage: number for number, stage in enumerate(_SHOWN, 1)}  # 0: the slot is free

SLOTS = 8192
_HEART = struct.Struct("<q")  # nanoseconds of the monotonic clock at the last beat
_HIGH = struct.Struct("<q")  # slots used so far, so that the reader need not look at all
_SLOT = struct.Struct("<qqq")  # index, stage, since (monotonic ns)
_FIRST = _HEART.size + _HIGH.size
_SIZE = _FIRST + SLOTS * _SLOT.size


@dataclass(frozen=True, slots=True)
class InHand:
    """One image in a worker's hands.

    Attributes:
        since: when it entered that stage, in seconds of the monotonic clock.
    """

    index: int
    stage: str
    since: float


class Board:
    """One worker's board; made by the coordinator, opened by the worker.

    Args:
        descriptor: of the shared file.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._map = mmap.mmap(descriptor, _SIZE)
        self._free: list[int] = []
        self._high = 0
        self._lock = threading.Lock()

    @classmethod
    def create(cls) -> Self:
        """A fresh board, all slots idle.

        Raises:
            RefusedError: the shell allows no file of its size.
        """
        if hasattr(os, "memfd_create"):
            descriptor = os.memfd_create("batchcls-board", os.MFD_CLOEXEC)
        else:  # Python was built for an old C library
            import tempfile

            with tempfile.TemporaryFile() as file:
                descriptor = os.dup(file.fileno())
        try:
            os.ftruncate(descriptor, _SIZE)
            return cls(descriptor)
        except OSError as error:
            os.close(descriptor)
            if error.errno != errno.EFBIG:
                raise
            limit = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
            raise RefusedError(
                f"files are limited to {limit:,} bytes here (`ulimit -f`), and each worker needs "
                f"one of {_SIZE:,}, in memory; run `ulimit -f unlimited` first"
            ) from None

    def close(self) -> None:
        """Let go of the memory and its descriptor."""
        self._map.close()
        os.close(self.descriptor)

    # ---- the worker's side

    def beat(self) -> None:
        """Show that the worker's own loop still turns."""
        _HEART.pack_into(self._map, 0, time.monotonic_ns())

    def take(self) -> int:
        """A free slot.

        Raises:
            IndexError: more images are in hand than there are slots.
        """
        with self._lock:
            if self._free:
                return self._free.pop()
            if self._high == SLOTS:
                raise IndexError("more images in hand than the board has slots")
            self._high += 1
            _HIGH.pack_into(self._map, _HEART.size, self._high)
            return self._high - 1

    def enter(self, slot: int, index: int, stage: str) -> None:
        """The image in this slot is at this stage from now on."""
        _SLOT.pack_into(
            self._map,
            _FIRST + slot * _SLOT.size,
            index,
            _NUMBERS[stage],
            time.monotonic_ns(),
        )

    def clear(self, slot: int) -> None:
        """Nothing is done for the image in this slot any more; the slot is free."""
        _SLOT.pack_into(self._map, _FIRST + slot * _SLOT.size, 0, 0, 0)
        with self._lock:
            self._free.append(slot)

    # ---- the coordinator's side

    @property
    def last_beat(self) -> float:
        """Monotonic seconds of the last beat; 0 before the first."""
        return float(_HEART.unpack_from(self._map, 0)[0] / 1e9)

    def in_hand(self) -> list[InHand]:
        """The images in the worker's hands, in no order."""
        (high,) = _HIGH.unpack_from(self._map, _HEART.size)
        used = min(max(high, 0), SLOTS)
        content = self._map[_FIRST : _FIRST + used * _SLOT.size]
        return [
            InHand(index, _SHOWN[stage - 1], since / 1e9)
            for index, stage, since in _SLOT.iter_unpack(content)
            if 0 < stage <= len(_SHOWN)
        ]
