"""A web server in this process that answers as its pages say, well or badly."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class Asked(BaseHTTPRequestHandler):
    """One connection; pages send what they like by it."""

    protocol_version = "HTTP/1.1"
    server: "WebServer"

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        server = self.server
        with server.lock:
            server.asked.append(self.path)
            server.hosts.append(self.headers["Host"])
            server.now += 1
            server.most = max(server.most, server.now)
        try:
            time.sleep(server.delay_s)
            page = self.path.partition("?")[0]
            server.pages.get(page, server.other)(self)
        except OSError:
            self.close_connection = True  # the other end has had enough
        finally:
            with server.lock:
                server.now -= 1

    def send(self, status: int, body: bytes = b"", **headers: object) -> None:
        """A whole answer; underscores of header names are hyphens."""
        self.send_response(status)
        for name, value in {"Content_Length": len(body), **headers}.items():
            if value is not None:
                self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        self.wfile.write(body)


Page = Callable[[Asked], None]


class WebServer(ThreadingHTTPServer):
    """On this machine; what has no page is answered by `other`.

    Attributes:
        asked: paths, with their queries, in the order in which they came.
        most: requests that were answered at once, at most.
        delay_s: how long each answer takes to begin.
        gone: set when the server ends; pages that say nothing wait for it.
    """

    daemon_threads = False
    request_queue_size = 256

    def __init__(self, other: Page | None = None, address: str = "127.0.0.1") -> None:
        super().__init__((address, 0), Asked)
        self.pages: dict[str, Page] = {}
        self.other = other or (lambda asked: asked.send(404))
        self.asked: list[str] = []
        self.hosts: list[str] = []
        self.now = self.most = 0
        self.delay_s = 0.0
        self.lock = threading.Lock()
        self.gone = threading.Event()
        self.accepted: list[socket.socket] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def get_request(self) -> tuple[socket.socket, Any]:
        accepted, address = super().get_request()
        self.accepted.append(accepted)
        return accepted, address

    def end(self) -> None:
        """Hang up on everybody, and wait until nobody is answered any more."""
        self.gone.set()
        self.shutdown()
        for accepted in self.accepted:
            with suppress(OSError):
                accepted.shutdown(socket.SHUT_RDWR)
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that break off are part of the play."""


@contextmanager
def serving(
    other: Page | None = None, certificate: Path | None = None, address: str = "127.0.0.1"
) -> Iterator[WebServer]:
    """A server, while the block lasts.

    Args:
        certificate: a file of its key and certificate, if it speaks TLS.
    """
    server = WebServer(other, address)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    thread = threading.Thread(target=lambda: server.serve_forever(0.02), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.end()
        thread.join()


def gives(status: int, body: bytes = b"", **headers: object) -> Page:
    """A page that is always the same."""
    return lambda asked: asked.send(status, body, **headers)


def in_turn(*pages: Page) -> Page:
    """Pages one after the other; the last one stays."""
    left = list(pages)
    return lambda asked: (left.pop(0) if len(left) > 1 else left[0])(asked)


def stalls(asked: Asked) -> None:
    """Says nothing."""
    asked.server.gone.wait(60)


def drips(begin: bytes) -> Page:
    """A byte every now and then behind what it begins with, for longer than anybody should wait."""

    def page(asked: Asked) -> None:
        asked.wfile.write(begin)
        for _ in range(500):
            if asked.server.gone.wait(0.02):
                break
            asked.wfile.write(b"x")
        asked.close_connection = True

    return page


def endless(asked: Asked) -> None:
    """A body without end."""
    asked.send_response(200)
    asked.send_header("Connection", "close")
    asked.end_headers()
    while not asked.server.gone.is_set():
        asked.wfile.write(bytes(1 << 16))


def breaks_off(body: bytes, length: int) -> Page:
    """Says that a body is so long, and ends before."""

    def page(asked: Asked) -> None:
        asked.send(200, body, Content_Length=length)
        asked.close_connection = True

    return page


def chunked(*blocks: bytes, whole: bool = True) -> Page:
    """A body in chunks; or the beginning of one."""

    def page(asked: Asked) -> None:
        asked.send_response(200)
        asked.send_header("Transfer-Encoding", "chunked")
        asked.end_headers()
        for block in blocks:
            asked.wfile.write(b"%x\r\n%s\r\n" % (len(block), block))
        if whole:
            asked.wfile.write(b"0\r\n\r\n")
        asked.close_connection = not whole

    return page


def raw(data: bytes) -> Page:
    """Whatever that is."""

    def page(asked: Asked) -> None:
        asked.wfile.write(data)
        asked.close_connection = True

    return page
