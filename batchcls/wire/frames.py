"""Messages on a byte stream: a four-byte length, then that many bytes. Pure.

The stream may come from a worker that a hostile image has taken over, so a length is believed
only up to a cap, and nothing is ever unpickled.
"""

import struct

LENGTH = struct.Struct("<I")
MAX_FRAME = 8 << 20
"""Bytes. A report of 64 lines with 1,000 classes each stays below it."""


MAX_WORDS = MAX_FRAME // 4
"""Bytes of what a worker says of itself, usually a few thousand. An agent writes it anew, and by
that ``1e15`` grows fourfold.
"""


class FrameError(ValueError):
    """The stream is not made of frames."""


def frame(payload: bytes, most: int = MAX_FRAME) -> bytes:
    """A message as it goes on the wire.

    Raises:
        FrameError: it has more than `most` bytes.
    """
    if len(payload) > most:
        raise FrameError(f"a message of {len(payload)} bytes is over the limit")
    return LENGTH.pack(len(payload)) + payload


class FrameReader:
    """Cuts a stream, fed in pieces of any size, into messages."""

    def __init__(self, max_frame: int = MAX_FRAME) -> None:
        self._max = max_frame
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that are complete with this piece.

        Raises:
            FrameError: a length over the cap; nothing after it can be trusted.
        """
        self._buffer += data
        messages = []
        at = 0
        while len(self._buffer) - at >= LENGTH.size:
            (length,) = LENGTH.unpack_from(self._buffer, at)
            if length > self._max:
                raise FrameError(f"announces a message of {length} bytes")
            end = at + LENGTH.size + length
            if len(self._buffer) < end:
                break
            messages.append(bytes(self._buffer[at + LENGTH.size : end]))
            at = end
        del self._buffer[:at]
        return messages
