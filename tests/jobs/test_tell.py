"""`jobs/tell.py` reaches a mail server, ntfy and a webhook; all of them are on this machine."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from socketserver import StreamRequestHandler, TCPServer
from typing import Any, ClassVar

import pytest

from batchcls.display.summary.summary import Summary
from tests.support.tree import ROOT


class Web(BaseHTTPRequestHandler):
    heard: ClassVar[list[tuple[str, Any]]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.heard.append((self.path, json.loads(body)))
        self.send_response(500 if self.path == "/broken" else 200)
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


class Mail(StreamRequestHandler):
    heard: ClassVar[list[str]] = []

    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        letter = False
        for line in self.rfile:
            text = line.decode().rstrip("\r\n")
            self.heard.append(text)
            letter = text.upper() == "DATA" or (letter and text != ".")
            if text.upper() == "DATA":
                self.wfile.write(b"354 go on\r\n")
            elif not letter:
                self.wfile.write(b"221 bye\r\n" if text == "QUIT" else b"250 yes\r\n")


@pytest.fixture
def port(request: pytest.FixtureRequest) -> Iterator[int]:
    kind = request.param
    kind.heard.clear()
    server: TCPServer = (HTTPServer if kind is Web else TCPServer)(("127.0.0.1", 0), kind)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()
    thread.join()


SUMMARY = Summary(
    "interrupted", "stopped; \N{CAT} left", "é.jsonl", total=1200, done=1000, failed=2
)


def tell(*arguments: str) -> int:
    told = {"exit_code": 130, **SUMMARY.as_dict()}
    command = [sys.executable, str(ROOT / "jobs" / "tell.py"), *arguments]
    done = subprocess.run(
        command, input=json.dumps(told), text=True, capture_output=True, check=False, timeout=60,
        env={"no_proxy": "*"},
    )  # fmt: skip
    return done.returncode


@pytest.mark.parametrize("port", [Web], indirect=True)
def test_ntfy_is_told(port: int) -> None:
    assert tell("ntfy", f"http://127.0.0.1:{port}/topic") == 0
    ((path, told),) = Web.heard
    assert (path, told["topic"], told["title"]) == ("/", "topic", "batchcls: interrupted")
    assert "1,000 of 1,200 images, 2 failed" in told["message"]


@pytest.mark.parametrize("port", [Web], indirect=True)
def test_a_webhook_gets_the_whole_summary(port: int) -> None:
    assert tell("webhook", f"http://127.0.0.1:{port}/a/b") == 0
    ((path, told),) = Web.heard
    assert path == "/a/b"
    assert (told["done"], told["reason"]) == (1000, SUMMARY.reason)
    assert "exit code 130" in told["text"] == told["content"]


@pytest.mark.parametrize("port", [Web], indirect=True)
def test_a_server_that_refuses_is_a_failure(port: int) -> None:
    assert tell("webhook", f"http://127.0.0.1:{port}/broken") != 0


@pytest.mark.parametrize("port", [Mail], indirect=True)
def test_a_mail_is_sent(port: int) -> None:
    assert tell("mail", "me@example.org", "--smtp", f"127.0.0.1:{port}") == 0
    assert "Subject: batchcls: interrupted" in Mail.heard
    assert any(line.startswith("rcpt TO:<me@example.org>") for line in Mail.heard)
