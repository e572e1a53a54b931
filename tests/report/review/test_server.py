"""Who a review answers, and what."""

import http.client
import json
from contextlib import closing
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from batchcls.errors import UsageError
from batchcls.images import ImageRef, Prediction
from batchcls.report import corrections
from batchcls.report.pictures import EDGE
from batchcls.report.review.desk import LARGE_EDGE
from batchcls.report.review.server import ReviewServer, listen
from batchcls.report.rows import Results
from batchcls.results.record import ok_line
from tests.support.reviews import serving


class Browser:
    """Speaks to a server as a browser does."""

    def __init__(self, server: ReviewServer) -> None:
        self.port = server.server_port
        self.headers = {
            "Host": f"127.0.0.1:{self.port}",
            "Cookie": f"batchcls-{self.port}={server.token}",
            "Origin": f"http://127.0.0.1:{self.port}",
        }

    def ask(
        self, path: str, body: object = None, **changed: str | None
    ) -> tuple[int, bytes, http.client.HTTPMessage]:
        headers = self.headers | changed
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)) as connection:
            method = "GET" if body is None else "POST"
            connection.putrequest(method, path, skip_host=True)
            data = b"" if body is None else json.dumps(body).encode()
            for name, value in ({"Content-Length": str(len(data))} | headers).items():
                if value is not None:
                    connection.putheader(name, value)
            connection.endheaders(data)
            answer = connection.getresponse()
            return answer.status, answer.read(), answer.headers

    def images(self, **query: str) -> dict[str, Any]:
        words = "&".join(f"{k}={v}" for k, v in ({"start": "0", "count": "5"} | query).items())
        status, content, _ = self.ask(f"/images?{words}")
        assert status == 200, content
        found: dict[str, Any] = json.loads(content)
        return found


@pytest.fixture
def browser(server: ReviewServer) -> Browser:
    return Browser(server)


def edge_of(data: bytes) -> int:
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None
    return int(pixels.shape[0])


ONE = {"corrections": [{"i": 3, "label": "b"}]}


@pytest.mark.parametrize(
    "changed",
    [
        {"Host": "evil.example"},
        {"Host": "127.0.0.1"},
        {"Host": None},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "https://127.0.0.1"},
        {"Cookie": None},
        {"Cookie": "batchcls=wrong"},
        {"Cookie": "; ;=;"},
    ],
    ids=str,
)
def test_who_does_not_know_the_token_or_comes_from_elsewhere_is_refused(
    server: ReviewServer, browser: Browser, changed: dict[str, str | None]
) -> None:
    for path in ("/", "/images?order=list&start=0&count=1", "/picture?i=0", "/nothing"):
        assert browser.ask(path, **changed)[0] == 403
    assert browser.ask("/correct", ONE, **changed)[0] == 403
    assert "said" not in browser.images(order="list")["images"][3]


def test_a_wrong_token_is_refused_and_a_correction_needs_an_origin(browser: Browser) -> None:
    assert browser.ask("/?token=wrong", Cookie=None)[0] == 403
    assert browser.ask("/?token=%C3%A9", Cookie=None)[0] == 403
    assert browser.ask("/correct", ONE, Origin=None)[0] == 403


def test_the_token_becomes_a_cookie_and_leaves_the_address(
    server: ReviewServer, browser: Browser
) -> None:
    path = server.address.partition(str(server.server_port))[2]
    status, _, headers = browser.ask(path, Cookie=None, Origin=None)
    assert (status, headers["Location"]) == (303, "/")
    cookie = headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    status, page, headers = browser.ask("/", Cookie=cookie.partition(";")[0], Origin=None)
    assert status == 200
    assert server.token.encode() not in page
    assert page.count(b"<script") == 2
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"


def test_it_listens_on_this_machine_alone(server: ReviewServer) -> None:
    assert server.server_address[0] == "127.0.0.1"
    with pytest.raises(UsageError, match=f"--port {server.server_port}"):
        listen(server.server_port, server.desk, "")
    with pytest.raises(UsageError, match="--port 99999"):
        listen(99999, server.desk, "")


def test_the_unsure_are_shown_first_and_a_filter_is_the_commands(browser: Browser) -> None:
    assert browser.images(order="unsure")["images"][0]["i"] == 0
    found = browser.images(order="list", where="failed", start="1", count="2")
    assert (found["total"], [image["i"] for image in found["images"]]) == (50, [19, 29])
    status, content, _ = browser.ask("/images?order=list&start=0&count=1&where=lable")
    assert status == 400
    assert b"--where" in content


def test_pictures_come_in_two_sizes_or_not_at_all(browser: Browser) -> None:
    small, large = (browser.ask(f"/picture?i=2{more}")[1] for more in ("", "&size=large"))
    assert [edge_of(small), edge_of(large)] == [EDGE, LARGE_EDGE]
    for number in ("3", "99999", "-1"):
        assert browser.ask(f"/picture?i={number}")[0] == 404
    assert browser.ask("/picture?i=../../etc/passwd")[0] == 400


def test_what_is_said_is_kept_shown_and_taken_back(
    server: ReviewServer, browser: Browser, results: Results
) -> None:
    said = {"corrections": [{"i": 3, "label": "b"}, {"i": 4, "label": ""}, {"i": 9, "label": "c"}]}
    status, content, _ = browser.ask("/correct", said)
    assert (status, json.loads(content)) == (200, {"said": 3})
    shown = {image["i"]: image.get("said") for image in browser.images(order="list")["images"]}
    assert shown == {0: None, 1: None, 2: None, 3: {"class": 1}, 4: {"label": ""}}
    assert browser.images(order="list", where="corrected")["total"] == 3
    browser.ask("/correct", {"corrections": [{"i": 3, "label": None}]})
    found = corrections.read(corrections.beside(results.path))
    assert {index: one.label for index, one in found.items()} == {4: "", 9: "c"}
    assert browser.images(order="list", where="corrected", view="2")["total"] == 2


def test_a_list_stays_as_it_was_while_one_pages_through_it(browser: Browser) -> None:
    first = browser.images(order="unsure", where="not+corrected", view="1")
    said = [{"i": image["i"], "label": "b"} for image in first["images"]]
    browser.ask("/correct", {"corrections": said})
    # Another view, as of another tab, is of what is left; the first goes on where it was.
    rest = browser.images(order="unsure", where="not+corrected", view="2")
    assert rest["total"] == first["total"] - 5
    second = browser.images(order="unsure", where="not+corrected", view="1", start="5")
    assert second["total"] == first["total"]
    assert second["images"] == rest["images"]


def test_a_class_is_kept_as_the_model_has_it_however_it_is_shown(tmp_path: Path) -> None:
    odd, long = "a\u00a0b\u200d", "x" * 900
    path = tmp_path / "odd.jsonl"
    answers = [(odd, "z"), (odd, "z"), (long, "z"), (long, "z")]
    path.write_bytes(
        b"".join(
            ok_line(ImageRef(n, "x"), [Prediction(0, label, 0.5) for label in labels]) + b"\n"
            for n, labels in enumerate(answers)
        )
    )
    results = Results.find(str(path))
    with serving(results) as server:
        browser = Browser(server)
        assert server.desk.about("")["labels"] == ["a b\\u200d", "x" * 299 + "…"]
        said = [{"i": 0, "rank": 0}, {"i": 1, "class": 1}, {"i": 2, "rank": 1}]
        assert browser.ask("/correct", {"corrections": said})[0] == 200
        shown = [image.get("said") for image in browser.images(order="list", count="3")["images"]]
        assert shown == [{"rank": 0}, {"class": 1}, {"rank": 1}]
    kept = corrections.read(corrections.beside(results.path))
    assert {index: one.label for index, one in kept.items()} == {0: odd, 1: long, 2: "z"}


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"corrections": [{"i": 500, "label": "a"}]},
        {"corrections": [{"i": "1", "label": "a"}]},
        {"corrections": [{"i": 1, "label": 7}]},
        {"corrections": [{"i": 1}]},
        {"corrections": [{"i": 1, "rank": 2}]},
        {"corrections": [{"i": 1, "rank": -1}]},
        {"corrections": [{"i": 1, "class": 99}]},
        {"corrections": [{"i": 1, "label": "a\0b"}]},
        {"corrections": [{"i": 1, "label": "photo\u202egpj"}]},
        {"corrections": [{"i": 1, "label": "x" * 2000}]},
        {"corrections": [1]},
        {"corrections": [{"i": 1, "label": "a"}, {"i": -4, "label": "a"}]},
    ],
    ids=str,
)
def test_nonsense_is_refused_as_a_whole(browser: Browser, body: object) -> None:
    assert browser.ask("/correct", body)[0] == 400
    assert browser.images(order="list")["said"] == 0


def test_a_body_without_end_is_not_read(browser: Browser) -> None:
    for length in (str(2 << 20), "-1", "", "x"):
        assert browser.ask("/correct", {}, **{"Content-Length": length})[0] == 413


def test_results_without_a_folder_keep_corrections_beside_them(results: Results) -> None:
    assert corrections.beside(results.path) == Path(f"{results.path}.corrections.jsonl")
