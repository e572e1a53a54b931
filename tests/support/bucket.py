"""A store on this machine: moto's S3, and in front of it whatever a test wants to go wrong."""

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import pytest

BUCKET = "photos"
KEY, SECRET = "AKIATESTKEY", "test-secret-value"
SIGNED = {"Authorization": f"AWS4-HMAC-SHA256 Credential={KEY}/20260101/us-east-1/s3/aws4_request"}
"""Without, moto lets nobody replace an object."""

Trouble = Callable[[str, str], tuple[int, str] | None]
"""Of a request's method and path: the status and body of the answer that moto does not give."""


class Bucket:
    """A bucket, and what is asked of it.

    Attributes:
        url: of the server.
        asked: requests so far, as ``GET /photos/a.jpg bytes=0-9``.
        trouble: see `Trouble`.
        sent: what becomes of the bodies of moto's answers.
    """

    def __init__(self, url: str, client: Any) -> None:
        self.url = url
        self._client = client
        self.asked: list[str] = []
        self.trouble: Trouble = lambda method, path: None
        self.sent: Callable[[Iterable[bytes]], Iterable[bytes]] = lambda body: body

    def put(self, key: str, content: bytes) -> None:
        """Store an object."""
        answer = self._client.put(f"/{BUCKET}/{quote(key)}", data=content, headers=SIGNED)
        assert answer.status_code == 200, (answer.status, answer.data)

    def remove(self, key: str) -> None:
        """Let an object be gone."""
        answer = self._client.delete(f"/{BUCKET}/{quote(key)}", headers=SIGNED)
        assert answer.status_code == 204, (answer.status, answer.data)

    def environment(self) -> dict[str, str]:
        """What somebody who asks this store sets."""
        return {
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": self.url,
            "NO_PROXY": "127.0.0.1",
        }


@contextmanager
def bucket_server() -> Iterator[Bucket]:
    """An empty bucket while it is needed; skips where moto or obstore is not installed."""
    reason = "needs obstore and moto[server]"
    pytest.importorskip("obstore", reason=reason)
    server = pytest.importorskip("moto.server", reason=reason)
    from moto.moto_api._internal.models import moto_api_backend
    from werkzeug.serving import WSGIRequestHandler, make_server
    from werkzeug.test import Client

    class Quiet(WSGIRequestHandler):  # type: ignore[misc, unused-ignore]  # often not installed
        protocol_version = "HTTP/1.1"

        def log(self, *_: Any) -> None:
            pass

    moto = server.DomainDispatcherApplication(server.create_backend_app)
    found = Bucket("", Client(moto))

    def answer(environ: Mapping[str, Any], start: Any) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        query = environ.get("QUERY_STRING", "")
        words = [method, path + ("?" + query) * bool(query), environ.get("HTTP_RANGE", "")]
        found.asked.append(" ".join(filter(None, words)))
        if (told := found.trouble(method, path)) is None:
            return found.sent(moto(environ, start))
        status, body = told
        start(f"{status} Trouble", [("Content-Length", str(len(body)))])
        return [body.encode() * (method != "HEAD")]

    moto_api_backend.reset()
    with make_server("127.0.0.1", 0, answer, threaded=True, request_handler=Quiet) as http:
        found.url = f"http://127.0.0.1:{http.server_port}"
        assert Client(moto).put(f"/{BUCKET}").status_code == 200
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield found
        finally:
            http.shutdown()
            thread.join()


@contextmanager
def asked_by_us(bucket: Bucket) -> Iterator[None]:
    """This process's environment leads to the bucket, as does what it remembers of stores."""
    from batchcls.sources.stores.store import opened

    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        for name, value in bucket.environment().items():
            patch.setenv(name, value)
        opened.cache_clear()
        yield
        opened.cache_clear()
