"""Tells a host that is down from a network that is: can one be reached that answered before?"""

import socket
import threading
import time

from batchcls.sources.urls.connections import Connection

ASKED = 2
"""Servers that answered last, of another name than the one that does not."""
REMEMBERED = 8
CONNECT_S = 0.7
HOLDS_S = 5.0
"""How long what was found counts: no stranger is to be asked for each image of a host that is
down."""


class Others:
    """The servers that have answered, by the addresses at which they did."""

    def __init__(self) -> None:
        self._answered: dict[str, tuple[str, int]] = {}  # by name; the last one last
        self._found: dict[str, bool] = {}  # by host that does not answer
        self._found_at = 0.0
        self._lock, self._finding = threading.Lock(), threading.Lock()

    def answered(self, connection: Connection) -> None:
        """A server has answered, whatever it said."""
        try:
            address, port = connection.socket.getpeername()[:2]
        except OSError:
            return  # and is gone
        host = connection.origin.host
        with self._lock:
            self._answered.pop(host, None)
            self._answered[host] = address, port
            if len(self._answered) > REMEMBERED:
                del self._answered[next(iter(self._answered))]

    def reachable(self, host: str) -> bool:
        """Whether another one can be reached now, where this host does not answer.

        Takes two seconds at most; where many ask at once, some are told that it cannot.
        """
        if not self._finding.acquire(timeout=CONNECT_S):
            return self._found.get(host, False)
        try:
            if time.monotonic() > self._found_at + HOLDS_S:
                self._found = {}
            if host not in self._found:
                with self._lock:
                    known = [at for name, at in self._answered.items() if name != host][-ASKED:]
                self._found[host] = any(map(_answers, reversed(known)))
                self._found_at = time.monotonic()
            return self._found[host]
        finally:
            self._finding.release()


def _answers(address: tuple[str, int]) -> bool:
    try:
        socket.create_connection(address, CONNECT_S).close()
    except OSError:
        return False
    return True
