"""Connections to web servers: to an address that was looked at, and kept for the next image.

By the standard library: what others add (redirects, retries, pools) decides by itself where to
connect to, and changes the spelling of addresses, whose signatures then do not fit.
"""

import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from http.client import HTTPConnection
from typing import NamedTuple

from batchcls.sources.urls.addresses import addresses_of, is_private

CONNECT_S = 10.0
KEPT_OPEN = 64
"""Connections that wait for another image, to all servers."""


class Origin(NamedTuple):
    """What a connection is to, but for the address."""

    secure: bool
    host: str
    port: int

    @property
    def authority(self) -> str:
        """As a request names it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.secure else 80) else f"{host}:{self.port}"


class PrivateError(Exception):
    """A host leads to a private address, where it may not; the message is that address."""


@dataclass(frozen=True, slots=True)
class Connection:
    """An open connection.

    Attributes:
        socket: of `http`, which lets go of it before an answer is read that is the last one.
        private: to a private address.
        used: it was used for another image before, so the server may have closed it.
    """

    origin: Origin
    http: HTTPConnection
    socket: socket.socket
    private: bool
    used: bool = False

    def close(self) -> None:
        """Let go of it, at once."""
        self.http.close()
        self.socket.close()


class Connections:
    """The connections of a process.

    Args:
        resolve: see `addresses_of`.
        private: see `is_private`.
    """

    def __init__(
        self,
        resolve: Callable[[str, int], list[str]] = addresses_of,
        private: Callable[[str], bool] = is_private,
    ) -> None:
        self._resolve = resolve
        self._is_private = private
        self._idle: deque[Connection] = deque()
        self._lock = threading.Lock()

    def take(self, origin: Origin, *, may_be_private: bool) -> Connection | None:
        """A connection that was kept, if there is one."""
        with self._lock:
            for connection in reversed(self._idle):
                if connection.origin == origin and (may_be_private or not connection.private):
                    self._idle.remove(connection)
                    return connection
        return None

    def connect(self, origin: Origin, seconds: float, *, may_be_private: bool) -> Connection:
        """A new connection to a server.

        Args:
            seconds: how long it may take.
            may_be_private: to a private address, too.

        Raises:
            PrivateError: it may not, and its host has no other address.
            OSError: the host has no address, or none that answers; an `ssl.SSLError` tells that
                nobody knows who answers.
        """
        until = time.monotonic() + seconds
        found = self._resolve(origin.host, origin.port)
        allowed = [one for one in found if may_be_private or not self._is_private(one)]
        if not allowed:
            raise PrivateError(found[0])
        for number, address in enumerate(allowed[:-1]):
            try:
                left = until - time.monotonic()
                return self._open(origin, address, left / (len(allowed) - number))
            except OSError:
                continue
        return self._open(origin, allowed[-1], until - time.monotonic())

    def keep(self, connection: Connection) -> None:
        """A connection whose answer was read to its end is for the next image."""
        if connection.http.sock is None:
            connection.close()  # the last one, as the server had said
            return
        with self._lock:
            self._idle.append(replace(connection, used=True))
            oldest = self._idle.popleft() if len(self._idle) > KEPT_OPEN else None
        if oldest is not None:
            oldest.close()

    def close(self) -> None:
        """Let go of those that are kept."""
        with self._lock:
            while self._idle:
                self._idle.pop().close()

    def __del__(self) -> None:
        self.close()

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context()

    def _open(self, origin: Origin, address: str, seconds: float) -> Connection:
        until = time.monotonic() + min(seconds, CONNECT_S)
        plain = socket.create_connection((address, origin.port), _left(until))
        with _closed_on_error(plain):
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if origin.secure:
                plain.settimeout(_left(until))  # of the handshake as a whole
                plain = self._tls.wrap_socket(plain, server_hostname=origin.host)
        http = HTTPConnection(origin.host, origin.port)
        http.sock = plain
        http.auto_open = 0  # it would connect by name, unchecked
        return Connection(origin, http, plain, self._is_private(address))


def _left(until: float) -> float:
    if (left := until - time.monotonic()) <= 0:
        raise TimeoutError
    return left


@contextmanager
def _closed_on_error(plain: socket.socket) -> Iterator[None]:
    try:
        yield
    except BaseException:
        plain.close()
        raise
