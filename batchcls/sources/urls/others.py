"""Tells a host that is down from a network that is: can one be reached that answered before?"""

import threading
import time

from batchcls.sources.urls.connections import Connection, Connections, Origin, PrivateError

REMEMBERED = 8
"""Servers that answered last."""
CONNECT_S = 3.0
HOLDS_S = 5.0
"""How long what was found counts: no stranger is to be asked for each image of a host that is
down."""


class Others:
    """The servers that have answered.

    Args:
        connections: of the process.
    """

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._answered: dict[Origin, bool] = {}  # whether at a private address; the last one last
        self._found: dict[str, bool] = {}  # by host that does not answer
        self._found_at = 0.0
        self._lock, self._finding = threading.Lock(), threading.Lock()

    def answered(self, connection: Connection) -> None:
        """A server has answered, whatever it said."""
        with self._lock:
            self._answered.pop(connection.origin, None)
            self._answered[connection.origin] = connection.private
            if len(self._answered) > REMEMBERED:
                del self._answered[next(iter(self._answered))]

    def reachable(self, host: str) -> bool:
        """Whether another one can be reached now, where this host does not answer."""
        with self._finding:  # one thread finds out for all
            if (now := time.monotonic()) > self._found_at + HOLDS_S:
                self._found, self._found_at = {}, now
            if host not in self._found:
                with self._lock:
                    known = list(reversed(self._answered.items()))
                self._found[host] = any(
                    self._reaches(other, private) for other, private in known if other.host != host
                )
            return self._found[host]

    def _reaches(self, other: Origin, private: bool) -> bool:
        try:
            self._connections.connect(other, CONNECT_S, may_be_private=private).close()
        except (OSError, PrivateError):
            return False
        return True
