"""One image's bytes from a web server, or the reason why not, within a bounded time.

Rules of this file:

1. What a server says about an image begins with `SAID` in the image's record. Anything else is said
   by nobody: a connection that is refused, breaks, or stays silent. Where others can be reached at
   that moment, the record says so (`ALONE`). In both cases the network is not at fault.
2. What may pass is tried again: a little later each time, and later than that where the server asks
   for it (429 and 503, Retry-After). With all its tries, an image has `Allowance.patience_s`: for
   connecting, TLS, and each byte of an answer. Only what turns names into addresses cannot be cut
   short: whoever waits gives up that thread (`worker.read_ahead`).
3. At most `REDIRECTS` redirects are followed: none from https to http, and none to a private
   address, but to the host that the list itself names, where that is at a private address, too.
4. An address is nowhere in what is raised.
"""

import os
import socket
import ssl
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from http.client import HTTPException, HTTPResponse, responses
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

from batchcls.errors import ImageError
from batchcls.images import MAX_BYTES, FailureKind, ImageRef, Url
from batchcls.sources.allowance import Allowance
from batchcls.sources.reading import BACKOFF_S
from batchcls.sources.url_names import ALONE, SAID
from batchcls.sources.urls.body import read_body
from batchcls.sources.urls.connections import Connection, Connections, Origin, PrivateError
from batchcls.sources.urls.others import Others
from batchcls.sources.urls.pace import Pace
from batchcls.sources.urls.patience import (
    AgainError,
    Patience,
    PatientResponse,
    RefusedError,
)
from batchcls.version import __version__

REDIRECTS = 5
REDIRECTING = frozenset({301, 302, 303, 307, 308})
REFUSING = frozenset({429, 503})
PASSING = frozenset({408, 425, 500, 502, 504})
KINDS: dict[int, FailureKind] = {
    204: "empty", 401: "denied", 403: "denied", 404: "vanished", 410: "vanished",
}  # fmt: skip
LEFT_OVER = 64 << 10
"""Bytes of a page of error that are read, so that its connection can be used again."""
LEGAL = "%/:?#[]@!$&'()*+,;=~"  # besides letters and digits: what is signed stays as it is spelt
HEADERS = {
    "User-Agent": f"batchcls/{__version__}",
    "Accept": "image/*, */*;q=0.5",
    "Accept-Encoding": "identity",
}
NO_ADDRESS = "no address of a web server; expected https://HOST/PATH"


class Urls:
    """Reads images whose place is a `Url`.

    Args:
        allowance: what an image may take.
        max_bytes: larger images are refused, unread where the server says so in advance.
        connections: of the process.
    """

    def __init__(
        self,
        allowance: Allowance,
        max_bytes: int = MAX_BYTES,
        connections: Connections | None = None,
    ) -> None:
        self._allowance = allowance
        self._max_bytes = max_bytes
        self._connections = connections or Connections()
        self._others = Others()
        self._paces: dict[Origin, Pace] = {}  # of those that have refused

    def read(self, _image: ImageRef, place: Url) -> bytes:
        """An image's bytes.

        Raises:
            ImageError: vanished, denied, io_error, empty, too_large, out_of_memory.
        """
        try:
            return self._patiently(place.address)
        except ImageError as error:
            told = error.kind != "io_error" or error.message.startswith(SAID)
            if told or not self._others.reachable(_origin_of(place.address).host):
                raise
            raise ImageError("io_error", error.message + ALONE) from None
        except MemoryError:
            raise ImageError("out_of_memory", "not enough memory to read it") from None

    def _patiently(self, address: str) -> bytes:
        patience, waits = Patience(self._allowance.patience_s), iter(BACKOFF_S)
        while True:
            try:
                return self._follow(address, patience)
            except RefusedError as error:
                patience.wait(error.wait_s, str(error))
            except AgainError as error:
                if (wait := next(waits, None)) is None:
                    raise ImageError("io_error", str(error)) from None
                patience.wait(wait, str(error))

    def _follow(self, address: str, patience: Patience) -> bytes:
        """The body of the answer, behind redirects."""
        origin = listed = _origin_of(address)
        private = True
        for _ in range(REDIRECTS + 1):
            may_be_private = private and origin.host == listed.host
            connection, response = self._ask(origin, address, patience, may_be_private)
            private = may_be_private and connection.private
            if response.status not in REDIRECTING or not response.getheader("Location"):
                return self._answer(connection, response, patience)
            self._leave(connection, response)
            # Whatever bytes it has: `http.client` takes each for a letter.
            location = os.fsdecode(response.getheader("Location", "").encode("latin-1"))
            try:
                address = urljoin(address, location)
            except ValueError:
                words = f"{SAID}redirect to {NO_ADDRESS}"
                raise ImageError("io_error", words) from None
            before, origin = origin, _origin_of(address, SAID + "redirect to ")
            if before.secure and not origin.secure:
                raise ImageError("io_error", "HTTP redirect from https to http")
        raise ImageError("io_error", f"HTTP redirects, more than {REDIRECTS} in a row")

    def _ask(
        self, origin: Origin, address: str, patience: Patience, may_be_private: bool
    ) -> tuple[Connection, HTTPResponse]:
        """A server's answer, of which nothing but its head is read."""
        if (pace := self._paces.get(origin)) is not None:
            patience.wait(pace.turn(time.monotonic()), patience.words)
        parts = urlsplit(address)
        target = quote(os.fsencode(parts.path or "/"), LEGAL)
        if parts.query:
            target += "?" + quote(os.fsencode(parts.query), LEGAL)
        while True:
            connection = self._connect(origin, patience, may_be_private)
            try:
                connection.socket.settimeout(patience.share())
                headers = {"Host": origin.authority, **HEADERS}
                answer: Any = partial(PatientResponse, patience)  # a class, for `http.client`
                connection.http.response_class = answer
                connection.http.request("GET", target, headers=headers)
                response = connection.http.getresponse()
                self._others.answered(connection)
                return connection, response
            except (OSError, HTTPException) as error:
                connection.close()
                if connection.used and not isinstance(error, TimeoutError):
                    continue  # the server had closed it
                raise _again(error, patience) from None
            except ImageError:
                connection.close()
                raise

    def _connect(self, origin: Origin, patience: Patience, may_be_private: bool) -> Connection:
        if (kept := self._connections.take(origin, may_be_private=may_be_private)) is not None:
            return kept
        try:
            return self._connections.connect(origin, patience.left(), may_be_private=may_be_private)
        except PrivateError as error:
            words = f"HTTP redirect to a private address, {error}; list its own address instead"
            raise ImageError("io_error", words) from None
        except ssl.SSLCertVerificationError as error:
            raise ImageError("io_error", f"TLS: {error.verify_message}") from None
        except OSError as error:
            raise _again(error, patience) from None

    def _answer(self, connection: Connection, response: HTTPResponse, patience: Patience) -> bytes:
        status, pace = response.status, self._paces.get(connection.origin)
        if status == 200:
            try:
                body = read_body(response, patience, self._allowance, self._max_bytes)
            except (OSError, HTTPException) as error:
                _close(connection, response)
                raise _again(error, patience) from None
            except BaseException:
                _close(connection, response)
                raise
            self._connections.keep(connection)
            if pace is not None:
                pace.went_well()
            if not body:
                raise ImageError("empty", "no bytes in it")
            return body
        self._leave(connection, response)
        said = f"HTTP {status} {responses.get(status, '')}".rstrip()
        if status in REFUSING:
            longest = self._allowance.patience_s / 2  # there is to be time to ask once more
            pace = self._paces.setdefault(connection.origin, Pace())
            pause = pace.refused(time.monotonic(), patience.answers)
            patience.answers = pace.answers
            wait = max(pause, min(_retry_after(response), longest))
            raise RefusedError(said, wait)
        if status in PASSING:
            raise AgainError(said)
        raise ImageError(KINDS.get(status, "io_error"), said)

    def _leave(self, connection: Connection, response: HTTPResponse) -> None:
        """Make the connection free for another image, if what is left of its answer is short."""
        try:
            if response.length is not None and response.length <= LEFT_OVER:
                response.read()
                self._connections.keep(connection)
                return
        except (OSError, HTTPException, ImageError):
            pass
        _close(connection, response)


def _close(connection: Connection, response: HTTPResponse) -> None:
    response.close()
    connection.close()


def _origin_of(address: str, prefix: str = "") -> Origin:
    try:
        parts = urlsplit(address)
        host = (parts.hostname or "").encode("idna").decode()
        secure = parts.scheme == "https"
        port = parts.port or (443 if secure else 80)
    except ValueError:  # a UnicodeError is one
        host = ""
    if not host or parts.scheme not in ("http", "https"):
        raise ImageError("io_error" if prefix else "vanished", prefix + NO_ADDRESS)
    if parts.username is not None:
        raise ImageError("denied", f"{prefix}an address with a user name in it is not asked for")
    return Origin(secure, host, port)


def _again(error: Exception, patience: Patience) -> Exception:
    """What to raise for a connection that cannot be made, or broke."""
    if isinstance(error, TimeoutError):
        return AgainError(patience.words)
    if isinstance(error, ssl.SSLError):
        return AgainError(f"TLS: {error.reason or 'failed'}")
    if isinstance(error, socket.gaierror):
        return AgainError(f"the host is not known: {error.strerror}")
    if isinstance(error, OSError):
        return AgainError(error.strerror or "the connection broke")
    return AgainError("what answers is no web server, or broke off")


def _retry_after(response: HTTPResponse) -> float:
    """Seconds; 0 where the server asks for nothing that can be understood."""
    words = response.getheader("Retry-After", "").strip()
    if words.isdecimal():
        return float(words[:9])
    try:
        return (parsedate_to_datetime(words) - datetime.now(UTC)).total_seconds()
    except (TypeError, ValueError):
        return 0.0
