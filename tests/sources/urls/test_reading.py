"""What web servers do wrong is one image's failure, named, in bounded time and memory."""

import gzip
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from batchcls.errors import ImageError
from batchcls.images import Folder, ImageRef, Url
from batchcls.sources.allowance import Allowance
from batchcls.sources.url_names import as_listed
from batchcls.sources.urls.addresses import is_private
from batchcls.sources.urls.connections import Connections
from batchcls.sources.urls.reading import REDIRECTS, Urls
from tests.support.web_server import (
    Page,
    WebServer,
    breaks_off,
    chunked,
    drips,
    endless,
    gives,
    in_turn,
    raw,
    serving,
    stalls,
)

pytestmark = pytest.mark.runs  # they wait for servers

SECRET = "?sig=hush&x=%2fa%2F+b"
BODY = bytes(range(256)) * 100
CAP = 1 << 20


@pytest.fixture
def server() -> Iterator[WebServer]:
    with serving() as server:
        yield server


def read(address: str, patience_s: float = 2.0, connections: Connections | None = None) -> bytes:
    # Closed, as what an exception's frames hold is collected in any order, and tells of a leak.
    with closing(connections or Connections()) as connections:
        return get(Urls(Allowance(patience_s), CAP, connections), address)


def get(reader: Urls, address: str) -> bytes:
    image = as_listed(0, address, Folder("/"))
    assert isinstance(image.place, Url)
    return reader.read(image, image.place)


def refusal(address: str, patience_s: float = 2.0, connections: Connections | None = None) -> str:
    began = time.monotonic()
    with pytest.raises(ImageError) as caught:
        read(address, patience_s, connections)
    assert time.monotonic() - began < patience_s + 5
    for secret in ("sig=", "hush", "a.jpg"):
        assert secret not in caught.value.message
    return f"{caught.value.kind}: {caught.value.message}"


@pytest.mark.parametrize(
    "page",
    [
        gives(200, BODY),
        gives(200, BODY, Content_Length=None, Connection="close"),
        chunked(BODY[:7], BODY[7:]),
        gives(200, gzip.compress(BODY), Content_Encoding="gzip"),
        in_turn(gives(500), gives(503), gives(200, BODY)),
        in_turn(gives(429, Retry_After=0), gives(200, BODY)),
        in_turn(gives(429, Retry_After="Wed, 21 Oct 2015 07:28:00 GMT"), gives(200, BODY)),
        in_turn(breaks_off(BODY, len(BODY) + 1), gives(200, BODY)),
        in_turn(raw(b""), gives(200, BODY)),
        gives(302, Location="/other.jpg"),
        gives(307, b"moved", Location="other.jpg"),
    ],
)  # fmt: skip
def test_what_a_server_gives_in_the_end_is_read(server: WebServer, page: Page) -> None:
    server.pages = {"/a.jpg": page, "/other.jpg": gives(200, BODY)}
    assert read(f"{server.url}/a.jpg{SECRET}") == BODY


FAILURES: dict[str, tuple[Page, str]] = {
    "404": (gives(404, b"no such page"), "vanished: HTTP 404 Not Found"),
    "410": (gives(410), "vanished: HTTP 410 Gone"),
    "401": (gives(401), "denied: HTTP 401 Unauthorized"),
    "403": (gives(403), "denied: HTTP 403 Forbidden"),
    "418": (gives(418), "io_error: HTTP 418 I'm a Teapot"),
    "500": (gives(500), "io_error: HTTP 500 Internal Server Error"),
    "429": (gives(429, Retry_After=3600), "io_error: HTTP 429 Too Many Requests"),
    "206": (gives(206, BODY), "io_error: HTTP 206 Partial Content"),
    "empty": (gives(200), "empty: no bytes in it"),
    "stall": (stalls, "io_error: no answer within 2 s"),
    "drip, status": (drips(b"HTTP/1.1 200 "), "io_error: no answer within 2 s"),
    "drip, head": (drips(b"HTTP/1.1 200 OK\r\nA: "), "io_error: no answer within 2 s"),
    "drip, chunk": (
        drips(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;"),
        "io_error: no answer within 2 s",
    ),
    "drip, body": (
        drips(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"),
        "io_error: no answer within 2 s",
    ),
    "drip, 404": (
        drips(b"HTTP/1.1 404 Gone\r\nContent-Length: 9999\r\n\r\n"),
        "vanished: HTTP 404 Not Found",
    ),
    "endless": (endless, f"too_large: over the limit of {CAP} bytes"),
    "large": (gives(200, Content_Length=1 << 40), "too_large: over the limit"),
    "lying": (
        breaks_off(BODY, 90_000), "io_error: the connection ended after 25600 of 90000 bytes",
    ),
    "chunks": (
        chunked(BODY, whole=False), "io_error: what answers is no web server, or broke off",
    ),
    "loop": (gives(302, Location=f"/a.jpg{SECRET}"), "io_error: HTTP redirects, more than 5"),
    "file": (gives(302, Location="file:///etc/passwd"), "io_error: HTTP redirect to no address"),
    "name": (gives(302, Location="http://a:hush@b/"), "denied: HTTP redirect to an address with"),
    "nowhere": (gives(302), "io_error: HTTP 302 Found"),
    "no http": (raw(b"220 smtp.example\r\n"), "io_error: what answers is no web server"),
    "unasked": (gives(200, b"x", Content_Encoding="br"), "io_error: HTTP answer is packed"),
    "no gzip": (gives(200, b"xyz", Content_Encoding="gzip"), "corrupt: what the server packed"),
    "bomb": (
        gives(200, gzip.compress(bytes(40 * CAP)), Content_Encoding="gzip"), "too_large:",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FAILURES)
def test_each_failure_has_its_name(server: WebServer, name: str) -> None:
    page, expected = FAILURES[name]
    server.pages = {"/a.jpg": page}
    found = refusal(f"{server.url}/a.jpg{SECRET}")
    assert found.startswith(expected), found


@pytest.mark.parametrize(
    "address",
    ["http://", "http:///a.jpg", "http://[::1/a", "http://a:99999/b", "https://" + "a" * 70 + "/",
     "http://\udcff/", "http://user:hush@127.0.0.1/a.jpg"],
)  # fmt: skip
def test_what_is_no_address_fails(address: str) -> None:
    found = refusal(address)
    assert found.startswith(("vanished: no address", "denied: an address with a user name"))


def test_a_server_that_is_not_there_fails() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert refusal(f"http://127.0.0.1:{port}/a.jpg{SECRET}") == "io_error: Connection refused"


def test_a_signed_address_is_asked_for_as_it_is_spelt(server: WebServer) -> None:
    server.other = gives(200, BODY)
    read(f"{server.url}/%7Ea/ä%2fb c.jpg{SECRET}#part")
    assert server.asked == [f"/%7Ea/%C3%A4%2fb%20c.jpg{SECRET}"]
    assert server.hosts == [server.url.removeprefix("http://")]


def test_a_connection_serves_one_image_after_the_other(server: WebServer) -> None:
    server.pages = {"/404": gives(404, b"short")}
    server.other = gives(200, BODY)
    connected = []

    def resolve(host: str, port: int) -> list[str]:
        connected.append(host)
        return [host]

    reader = Urls(Allowance(2.0), CAP, Connections(resolve))
    for page in ("1", "404", "2"):
        if page == "404":
            with pytest.raises(ImageError):
                get(reader, f"{server.url}/{page}")
        else:
            assert get(reader, f"{server.url}/{page}") == BODY
    assert len(connected) == 1


def test_a_connection_that_the_server_has_closed_is_made_again(server: WebServer) -> None:
    def once(asked: object) -> None:
        gives(200, BODY)(asked)  # type: ignore[arg-type]
        asked.close_connection = True  # type: ignore[attr-defined]

    server.other = once
    reader = Urls(Allowance(2.0), CAP)
    for _ in range(3):
        assert get(reader, f"{server.url}/a") == BODY
        time.sleep(0.05)


# ---- redirects


NAMES = {"a.example": "127.0.0.1", "b.example": "127.0.0.1", "inside.example": "127.0.0.2"}
INSIDE = frozenset({"127.0.0.2"})


def strangers(rebinding: bool = False) -> Connections:
    """Names lead to this machine, which counts as a stranger's but for one address."""
    names = {name: [address] for name, address in NAMES.items()}

    def resolve(host: str, port: int) -> list[str]:
        found = names.get(host, [host])
        if rebinding and host == "a.example":
            names[host] = ["127.0.0.2"]
        return found

    return Connections(resolve, INSIDE.__contains__)


def to(host: str, server: WebServer) -> Page:
    return gives(
        302, Location=f"http://{host}:{server.server_address[1]}/b.jpg", Connection="close"
    )


@pytest.mark.parametrize(
    ("listed", "next_host", "expected"),
    [
        ("a.example", "b.example", BODY),
        ("a.example", "127.0.0.1", BODY),
        ("a.example", "inside.example", b""),
        ("a.example", "127.0.0.2", b""),
        ("inside.example", "a.example", BODY),
        ("inside.example", "inside.example", BODY),
        ("inside.example", "127.0.0.2", b""),
    ],
)
def test_no_redirect_leads_into_a_private_network_unless_the_list_does(
    listed: str, next_host: str, expected: bytes
) -> None:
    with serving(address="0.0.0.0") as server:
        server.pages = {"/a.jpg": to(next_host, server), "/b.jpg": gives(200, BODY)}
        address = f"http://{listed}:{server.server_address[1]}/a.jpg"
        if expected:
            assert read(address, connections=strangers()) == expected
        else:
            found = refusal(address, connections=strangers())
            assert found.startswith("io_error: HTTP redirect to a private address, 127.0.0.2")


def test_a_name_that_leads_elsewhere_the_second_time_leads_nowhere(server: WebServer) -> None:
    server.pages = {"/a.jpg": to("a.example", server), "/b.jpg": gives(200, BODY)}
    address = f"http://a.example:{server.server_address[1]}/a.jpg"
    assert "private address" in refusal(address, connections=strangers(rebinding=True))


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0", "::1",
     "fe80::1%eth0", "fc00::1", "::ffff:127.0.0.1", "64:ff9b::a00:1", "2002:7f00:1::", "100.64.0.1",
     "224.0.0.1", "ff02::1", "255.255.255.255", "fec0::2", "64:ff9b:1::a00:1", "::ffff:0:a00:1",
     "::10.0.0.1"],
)  # fmt: skip
def test_private_addresses_are_known(address: str) -> None:
    assert is_private(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "2606:4700::1111", "64:ff9b::101:101"])
def test_public_addresses_are_known(address: str) -> None:
    assert not is_private(address)


def test_a_redirect_to_nowhere_is_what_the_server_said(server: WebServer) -> None:
    server.pages["/a.jpg"] = gives(302, Location="http://[x")
    assert refusal(f"{server.url}/a.jpg").startswith("io_error: HTTP redirect to no address")


def test_as_many_redirects_as_are_allowed_are_followed(server: WebServer) -> None:
    for hop in range(REDIRECTS):
        server.pages[f"/{hop}"] = gives(301, Location=f"/{hop + 1}")
    server.pages[f"/{REDIRECTS}"] = gives(200, BODY)
    assert read(f"{server.url}/0") == BODY


# ---- TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate that nobody signed, for localhost."""
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl")
    folder = tmp_path_factory.mktemp("tls")
    key, signed, both = folder / "key", folder / "certificate", folder / "both"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
         "-keyout", key, "-out", signed],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    both.write_bytes(key.read_bytes() + signed.read_bytes())
    return both


@pytest.fixture
def secure(certificate: Path) -> Iterator[WebServer]:
    with serving(gives(200, BODY), certificate) as server:
        yield server


def test_a_certificate_that_nobody_vouches_for_is_refused(secure: WebServer) -> None:
    found = refusal(f"https://localhost:{secure.server_address[1]}/a.jpg")
    assert found.startswith("io_error: TLS: self")
    assert secure.asked == []


def test_a_certificate_that_the_machine_trusts_is_taken_for_its_own_host_alone(
    secure: WebServer, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert read(f"https://localhost:{secure.server_address[1]}/a.jpg") == BODY
    other = refusal(f"https://127.0.0.1:{secure.server_address[1]}/a.jpg")
    assert other.startswith("io_error: TLS: IP address mismatch")


def test_what_speaks_no_tls_is_refused(server: WebServer) -> None:
    found = refusal(server.url.replace("http:", "https:") + "/a.jpg")
    assert found.startswith("io_error: ")


@pytest.mark.parametrize("says", [b"", b"\x16\x03\x03\x3f\xff"])
def test_a_handshake_that_comes_to_no_end_fails_in_time(says: bytes) -> None:
    """Nothing is said; or a byte at a time of a long TLS record."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            with listening.accept()[0] as accepted, suppress(OSError):
                accepted.sendall(says)
                while not enough.wait(0.02):
                    accepted.sendall(says[-1:])

        enough = threading.Event()
        answering = threading.Thread(target=answer, daemon=True)
        answering.start()
        found = refusal(f"https://127.0.0.1:{listening.getsockname()[1]}/a.jpg")
        enough.set()
        answering.join()
        assert found == "io_error: no answer within 2 s"


def test_a_slow_name_leaves_less_time_to_connect(server: WebServer) -> None:
    def resolve(host: str, port: int) -> list[str]:
        time.sleep(2.1)
        return [host]

    found = refusal(f"{server.url}/a.jpg", connections=Connections(resolve))
    assert found == "io_error: no answer within 2 s"
    assert server.asked == []


def test_no_redirect_leads_from_https_to_http(
    secure: WebServer, server: WebServer, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    secure.other = gives(302, Location=f"{server.url}/a.jpg")
    found = refusal(f"https://localhost:{secure.server_address[1]}/a.jpg")
    assert found == "io_error: HTTP redirect from https to http"
    assert server.asked == []


# ---- pace and room


def test_a_server_that_asks_for_time_gets_it(server: WebServer) -> None:
    server.other = in_turn(gives(429, Retry_After=1), gives(200, BODY))
    began = time.monotonic()
    assert read(f"{server.url}/a.jpg", 10.0) == BODY
    assert 1.0 <= time.monotonic() - began < 8.0
    assert len(server.asked) == 2


def test_room_is_asked_for_before_bytes_are_kept(server: WebServer) -> None:
    asked: list[int] = []

    def room(count: int) -> float:
        asked.append(count)
        return 0.0

    server.pages = {"/a": gives(200, BODY), "/b": chunked(BODY[:1000], BODY[1000:])}
    reader = Urls(Allowance(2.0, room), CAP)
    get(reader, f"{server.url}/a")
    assert asked == [len(BODY)]
    get(reader, f"{server.url}/b")
    assert sum(asked[1:]) == len(BODY)


def test_waiting_for_room_takes_no_time_of_the_server(server: WebServer) -> None:
    def room(count: int) -> float:
        time.sleep(0.6)
        return 0.6

    server.other = gives(200, BODY)
    image = ImageRef(0, "x", Url(Folder("/"), f"{server.url}/a"))
    assert isinstance(image.place, Url)
    assert Urls(Allowance(0.5, room), CAP).read(image, image.place) == BODY
