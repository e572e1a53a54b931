"""Serves a review to the browser of this machine, and to nobody else.

Rules of this file:

1. It listens on 127.0.0.1 alone. Every request must name that host, and come from this page or from
   no page: another site that a browser has open can send requests here, too, and DNS can give such
   a site this address.
2. Every request needs the token: first in the address that is printed, from then on in a cookie
   that no script reads. The address that has it leads to one without, so it stays in no history.
3. What is served is made of bytes in memory; no path of a request ever names a file.
"""

import hmac
import json
import secrets
from collections.abc import Callable, Mapping
from http.cookies import CookieError, SimpleCookie
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer, ThreadingMixIn
from typing import Any
from urllib.parse import parse_qs, urlsplit

from batchcls.errors import BatchclsError, UsageError
from batchcls.report.review.desk import Desk

ADDRESS = "127.0.0.1"
MOST_BODY = 1 << 20
IDLE_S = 60
COOKIE = "batchcls"

Values = Mapping[str, str]
Answer = tuple[int, str, bytes]
"""Status, type, content."""


Do = Callable[["ReviewServer", Values], Answer]


class ReviewServer(ThreadingMixIn, TCPServer):
    """Serves one review.

    No `HTTPServer`: that one asks the network for the name of its own address.

    Args:
        port: 0 = any that is free.
        page: the HTML.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, port: int, desk: Desk, page: str) -> None:
        self.token = secrets.token_urlsafe(32)
        self.desk = desk
        self.page = page.encode()
        super().__init__((ADDRESS, port), _Handler)
        self.server_port: int = self.server_address[1]
        self.hosts = {f"{name}:{self.server_port}" for name in (ADDRESS, "localhost")}

    @property
    def address(self) -> str:
        """What a person opens."""
        return f"http://{ADDRESS}:{self.server_port}/?token={self.token}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that leaves is no error."""


class _Handler(BaseHTTPRequestHandler):
    server: ReviewServer
    protocol_version = "HTTP/1.1"
    server_version = "batchcls"
    sys_version = ""
    timeout = IDLE_S

    def do_GET(self) -> None:
        where = urlsplit(self.path)
        values = {name: found[0] for name, found in parse_qs(where.query).items()}
        if not self._from_here():
            return self._send(403, "text/plain", b"not from this page\n")
        if where.path == "/" and self._is_token(values.get("token", "")):
            return self._enter()
        if not self._known():
            return self._send(403, "text/plain", b"open the address that batchcls printed\n")
        return self._answer(_GET.get(where.path), values)

    def do_POST(self) -> None:
        if not (self._from_here() and self.headers.get("Origin") and self._known()):
            self.close_connection = True  # what it sent is not read
            return self._send(403, "text/plain", b"not from this page\n")
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > MOST_BODY:
            self.close_connection = True
            return self._send(413, "text/plain", b"too much\n")
        body = self.rfile.read(int(length))
        return self._answer(_POST.get(self.path), {"body": body.decode(errors="replace")})

    def _from_here(self) -> bool:
        """It names this host, and comes from a page of it or from none."""
        origin = self.headers.get("Origin")
        hosts = self.server.hosts
        return self.headers.get("Host") in hosts and (
            origin is None or origin in {f"http://{host}" for host in hosts}
        )

    def _is_token(self, text: str) -> bool:
        return hmac.compare_digest(text.encode(), self.server.token.encode())

    def _known(self) -> bool:
        try:
            found = SimpleCookie(self.headers.get("Cookie", "")).get(self._cookie)
        except CookieError:
            return False
        return found is not None and self._is_token(found.value)

    @property
    def _cookie(self) -> str:
        """Cookies are shared by all ports of a host: each review has its own."""
        return f"{COOKIE}-{self.server.server_port}"

    def _enter(self) -> None:
        cookie = f"{self._cookie}={self.server.token}; HttpOnly; SameSite=Strict; Path=/"
        self._send(303, "text/plain", b"", {"Location": "/", "Set-Cookie": cookie})

    def _answer(self, do: "Do | None", values: Values) -> None:
        if do is None:
            return self._send(404, "text/plain", b"no such page\n")
        try:
            status, kind, content = do(self.server, values)
        except (BatchclsError, ValueError, KeyError, TypeError, AttributeError) as error:
            status, kind, content = 400, "text/plain", str(error).encode(errors="replace")
        except OSError as error:
            status, kind, content = 507, "text/plain", f"{error.strerror or error}".encode()
        return self._send(status, kind, content)

    def _send(
        self, status: int, kind: str, content: bytes, more: Mapping[str, str] | None = None
    ) -> None:
        self.send_response(status)
        headers = {
            "Content-Type": f"{kind}; charset=utf-8" if kind.startswith("text/") else kind,
            "Content-Length": str(len(content)),
            "Cache-Control": "private, max-age=600" if kind == "image/jpeg" else "no-store",
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            "Referrer-Policy": "no-referrer",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Cross-Origin-Opener-Policy": "same-origin",
            **(more or {}),
        }
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: what is asked for would hold the token."""


def _page(server: ReviewServer, values: Values) -> Answer:
    return 200, "text/html", server.page


def _images(server: ReviewServer, values: Values) -> Answer:
    found = server.desk.images(
        values.get("where", ""),
        values["order"],
        int(values["start"]),
        int(values["count"]),
        values.get("view", ""),
    )
    return 200, "application/json", json.dumps(found).encode()


def _picture(server: ReviewServer, values: Values) -> Answer:
    data = server.desk.picture(int(values["i"]), large=values.get("size") == "large")
    return (200, "image/jpeg", data) if data else (404, "text/plain", b"no picture\n")


def _correct(server: ReviewServer, values: Values) -> Answer:
    said = server.desk.correct(json.loads(values["body"])["corrections"])
    return 200, "application/json", json.dumps(said).encode()


_GET: Mapping[str, Do] = {
    "/": _page, "/images": _images, "/picture": _picture,
}  # fmt: skip
_POST: Mapping[str, Do] = {"/correct": _correct}


def listen(port: int, desk: Desk, page: str) -> ReviewServer:
    """A server that listens.

    Args:
        port: 0 = any that is free.
        page: the HTML.

    Raises:
        UsageError: the port is taken.
    """
    try:
        return ReviewServer(port, desk, page)
    except (OSError, OverflowError) as error:
        why = error.strerror if isinstance(error, OSError) else "no such port"
        raise UsageError(f"--port {port}: {why}") from error
