"""The agent's end of its byte stream to the driver: a socket, or lines on its standard streams.

Nothing here waits: what the other side does not take yet stays until it does.
"""

import os
import selectors
import socket
from collections import deque
from typing import Protocol

from batchcls.wire.lines import LineReader, LineWriter, Piece

READ_SIZE = 1 << 18
ATOMIC = 4096
"""Bytes of whole lines that a pipe takes in one piece (PIPE_BUF), so that others may write, too."""


class Link(Protocol):
    """A byte stream."""

    def watch(self, selector: selectors.BaseSelector) -> None:
        """Have a selector wake where something can be read, or what waits can be written."""

    def receive(self) -> bytes | None:
        """What has come; None at the end."""

    def send(self, data: bytes) -> None:
        """Send, now or as soon as the other side takes it."""

    def flush(self) -> None:
        """Send as much of what waits as is taken now."""


class SocketLink:
    """A socket of our own.

    Args:
        descriptor: of it.
    """

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=descriptor)
        self._socket.setblocking(False)
        self._waiting = bytearray()

    def watch(self, selector: selectors.BaseSelector) -> None:
        """See `Link`."""
        writes = selectors.EVENT_WRITE if self._waiting else 0
        _watch(selector, self._socket.fileno(), selectors.EVENT_READ | writes)

    def receive(self) -> bytes | None:
        """See `Link`."""
        try:
            return self._socket.recv(READ_SIZE) or None
        except BlockingIOError:
            return b""
        except OSError:
            return None

    def send(self, data: bytes) -> None:
        """See `Link`."""
        self._waiting += data
        self.flush()

    def flush(self) -> None:
        """See `Link`."""
        try:
            while self._waiting:
                del self._waiting[: self._socket.send(self._waiting)]
        except BlockingIOError:
            pass
        except OSError:
            self._waiting.clear()  # the driver is gone; the read side will notice


class LineLink:
    """Lines on two pipes that a launcher may share out among many agents.

    Args:
        who: this agent.
        down: descriptor that is read.
        up: descriptor that is written.
    """

    def __init__(self, who: str, down: int, up: int) -> None:
        self._who, self._down, self._up = who, down, up
        self._reader, self._writer = LineReader(), LineWriter(who)
        self._waiting: deque[bytes] = deque()
        self._due = 0
        os.set_blocking(down, False)
        os.set_blocking(up, False)

    def watch(self, selector: selectors.BaseSelector) -> None:
        """See `Link`."""
        _watch(selector, self._down, selectors.EVENT_READ)
        _watch(selector, self._up, selectors.EVENT_WRITE if self._waiting else 0)

    def receive(self) -> bytes | None:
        """See `Link`; a piece that is missing, or for this agent alone and empty, is the end."""
        try:
            data = os.read(self._down, READ_SIZE)
        except BlockingIOError:
            return b""
        except OSError:
            return None
        if not data:
            return None
        found = bytearray()
        for piece in self._reader.feed(data):
            if not isinstance(piece, Piece) or piece.who != self._who:
                continue
            if not piece.data or piece.number != self._due:
                return None
            self._due += 1
            found += piece.data
        return bytes(found)

    def send(self, data: bytes) -> None:
        """See `Link`."""
        batch = b""
        for line in self._writer.write(data):
            if len(batch) + len(line) > ATOMIC:
                self._waiting.append(batch)
                batch = b""
            batch += line
        self._waiting.append(batch)
        self.flush()

    def flush(self) -> None:
        """See `Link`."""
        try:
            while self._waiting:
                sent = os.write(self._up, self._waiting[0])
                if sent == len(self._waiting[0]):
                    self._waiting.popleft()
                else:
                    self._waiting[0] = self._waiting[0][sent:]
        except BlockingIOError:
            pass
        except OSError:
            self._waiting.clear()


def _watch(selector: selectors.BaseSelector, descriptor: int, events: int) -> None:
    known = selector.get_map().get(descriptor)
    if known is None and events:
        selector.register(descriptor, events)
    elif known is not None and not events:
        selector.unregister(descriptor)
    elif known is not None and known.events != events:
        selector.modify(descriptor, events)
