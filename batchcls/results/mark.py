"""The commit mark: how much of the results file is known to be on the disk.

Two slots in one small file, each a line of JSON with its own checksum, written in turn. The newest
whole slot counts; what a power loss leaves of the other does not matter.

A slot is written only after the bytes that it describes were synced, and those never change
afterwards: so whatever of the mark survives, in whatever order sectors reach the disk, is true.
A mark that is older than it could be is true as well; recovery then reads a longer tail. That is
why the mark itself needs no sync, except where a rename must not overtake it (`Journal.finish`).
"""

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, get_args

from batchcls.errors import RefusedError
from batchcls.images import FailureKind
from batchcls.results.storage import Storage, read_all, write_all, write_atomically

SLOT = 512
"""A sector: disks write it whole."""

APART = 4096
"""Bytes from one slot to the other: a page, so that writing one never touches the other."""

KINDS: tuple[str, ...] = get_args(FailureKind)
State = Literal["open", "cut", "complete"]


@dataclass(frozen=True, slots=True)
class Mark:
    """One state of a results file.

    Attributes:
        run: whose results they are (`Manifest.run`).
        seq: counts the marks of a run.
        size: bytes of what is on the disk, always whole lines.
        state: complete when every line is there; cut where what is behind it was taken back.
        failed: lines with an error, by kind; kinds without any are left out.
        mtime_ns: of the complete file, so that it need not be read to be known again; 0 where that
            is not known.
    """

    run: str = ""
    seq: int = 0
    size: int = 0
    count: int = 0
    crc32: int = 0
    state: State = "open"
    failed: Mapping[str, int] = field(default_factory=dict)
    mtime_ns: int = 0

    def to_slot(self) -> bytes:
        """The mark as 512 bytes."""
        failed = [self.failed.get(kind, 0) for kind in KINDS]
        content = [
            self.run, self.seq, self.size, self.count, self.crc32, self.state, failed,
            self.mtime_ns,
        ]  # fmt: skip
        text = json.dumps(content, separators=(",", ":")).encode().ljust(SLOT - 10) + b"\n"
        slot = b"%08x " % zlib.crc32(text) + text
        if len(slot) != SLOT:
            raise ValueError("a commit mark does not fit its slot")
        return slot


def from_slot(slot: bytes) -> Mark | None:
    """The mark in a slot, None if it is torn or damaged."""
    text = slot[9:]
    if len(slot) != SLOT or slot[:9] != b"%08x " % zlib.crc32(text):
        return None
    # batchcls 0.1.0 kept no time, and knew fewer kinds.
    run, seq, size, count, crc32, state, failed, *mtime_ns = json.loads(text)
    counts = {kind: n for kind, n in zip(KINDS, failed, strict=False) if n}
    return Mark(run, seq, size, count, crc32, state, counts, *mtime_ns)


def read(storage: Storage, path: Path) -> tuple[Mark, int] | None:
    """The newest mark and its slot's number; None if there is no file.

    Raises:
        RefusedError: there is a file without a whole slot.
    """
    try:
        data = read_all(storage, path)
    except FileNotFoundError:
        return None
    found = [
        (mark, number)
        for number in (0, 1)
        if (mark := from_slot(data[number * APART : number * APART + SLOT])) is not None
    ]
    if not found:
        raise RefusedError(
            f"{path} is damaged from byte 0 on, so nothing says which results are safe; "
            "start over with `--fresh`, or choose another `--output`"
        )
    return max(found, key=lambda pair: pair[0].seq)


def create(storage: Storage, path: Path, run: str) -> tuple[Mark, int]:
    """A new file for a run without results yet, durable; gives what `read` would."""
    first = Mark(run)
    second = replace(first, seq=1)
    write_atomically(storage, path, first.to_slot().ljust(APART) + second.to_slot())
    return second, 1


class MarkFile:
    """An open commit file, to which marks are put in turn.

    Attributes:
        mark: the newest.
    """

    def __init__(self, storage: Storage, fd: int, mark: Mark, slot: int) -> None:
        self.mark = mark
        self.fd = fd
        self._storage = storage
        self._slot = slot

    def put(self, mark: Mark) -> None:
        """Write the next mark into the other slot; it is not synced.

        Args:
            mark: its `run` and `seq` are filled in here.
        """
        mark = replace(mark, run=self.mark.run, seq=self.mark.seq + 1)
        write_all(self._storage, self.fd, mark.to_slot(), (1 - self._slot) * APART)
        self.mark, self._slot = mark, 1 - self._slot
