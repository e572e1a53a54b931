"""A byte stream as lines, which a launcher may join with others' and copy to everybody. Pure.

Such as `srun`: it joins the outputs of what it started line by line, and copies its input to all of
them. So each line says whose it is, which of his it is, and has a checksum. Slurm cuts lines of
1,024 bytes and more (MAX_MSG_LEN in its slurmstepd), so none is that long.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

TAG = b"bc1 "
"""Begins a line of ours; something may stand before it, as with ``srun --label``."""

ROOM = 960
"""Bytes of a stream in a line; what stands before them has 40 at most."""

MOST_FOREIGN = 1 << 16
"""Bytes without a line's end that are waited for."""

_ESCAPED = ((b"\x01", b"\x01A"), (b"\n", b"\x01B"), (b"\r", b"\x01C"), (b"\0", b"\x01D"))


@dataclass(frozen=True, slots=True)
class Piece:
    """The next bytes of somebody's stream; none are its end."""

    who: str
    number: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Foreign:
    """A line that is not ours, or was damaged."""

    line: bytes


class LineWriter:
    """Writes one stream.

    Args:
        who: whose it is, or whom it is for: letters and digits.
    """

    def __init__(self, who: str) -> None:
        self._who = who.encode()
        self._number = 0

    def write(self, data: bytes) -> list[bytes]:
        """The lines of so much more of the stream."""
        escaped = data
        for plain, stands in _ESCAPED:
            escaped = escaped.replace(plain, stands)
        found, at = [], 0
        while at < len(escaped):
            end = at + ROOM
            if escaped[end - 1 : end] == b"\x01":  # with what it escapes
                end -= 1
            found.append(self._line(escaped[at:end]))
            at = end
        return found

    def end(self) -> bytes:
        """The line that ends the stream."""
        return self._line(b"")

    def _line(self, escaped: bytes) -> bytes:
        body = b"%s %x %s" % (self._who, self._number, escaped)
        self._number += 1
        return b"%s%08x %s\n" % (TAG, zlib.crc32(body), body)


class LineReader:
    """Cuts what comes, in pieces of any size, into lines, ours and others'."""

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes) -> Iterator[Piece | Foreign]:
        """The lines that are complete with this piece."""
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for line in lines:
            if line:
                yield _parsed(line)
        if len(self._buffer) > MOST_FOREIGN:
            yield Foreign(self._buffer)
            self._buffer = b""


def _parsed(line: bytes) -> Piece | Foreign:
    _, tag, ours = line.partition(TAG)
    body = ours[9:]
    if not tag or b"%08x " % zlib.crc32(body) != ours[:9]:
        return Foreign(line)
    try:  # the checksum is right, and yet anybody may have written this
        who, number, data = body.split(b" ", 2)
        whose, place = who.decode(), int(number, 16)
    except ValueError:
        return Foreign(line)
    if b"\x01" in data:
        for plain, stands in reversed(_ESCAPED):
            data = data.replace(stands, plain)
    return Piece(whose, place, data)
