"""Images that are read one after the other come side by side where they are far away."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from batchcls.errors import ImageError
from batchcls.images import Folder, ImageRef
from batchcls.sources.ahead import AT_ONCE, EACH, Ahead
from batchcls.sources.url_names import as_listed
from tests.support.web_server import Asked, WebServer, gives, serving, stalls

LATE_S = 0.1


def name_of(asked: Asked) -> None:
    asked.send(200, asked.path.encode())


@pytest.fixture
def server() -> Iterator[WebServer]:
    with serving(name_of) as server:
        yield server


def refs(server: WebServer, count: int) -> list[ImageRef]:
    return [as_listed(n, f"{server.url}/{n}", Folder("/")) for n in range(count)]


def met(server: WebServer) -> Callable[[Asked], None]:
    """A page that is given when `AT_ONCE` have asked for theirs."""
    all_there = threading.Barrier(AT_ONCE)

    def page(asked: Asked) -> None:
        all_there.wait(20)
        name_of(asked)

    return page


def test_so_many_are_asked_for_at_once_and_come_in_order(server: WebServer) -> None:
    server.other = met(server)
    images = refs(server, 3 * AT_ONCE)
    source = Ahead(images)
    assert [source.read(image) for image in images] == [b"/%d" % n for n in range(3 * AT_ONCE)]
    assert len(server.asked) == 3 * AT_ONCE
    assert server.most == AT_ONCE


@pytest.mark.timing
def test_a_late_answer_is_waited_for_once_for_all_that_are_asked_for(server: WebServer) -> None:
    server.delay_s = LATE_S
    images = refs(server, 10 * AT_ONCE)
    source, began = Ahead(images), time.monotonic()
    for image in images:
        source.read(image)
    assert time.monotonic() - began < 3 * 10 * LATE_S, "one after the other it is 16 s"


def test_images_that_are_near_need_no_thread(tmp_path: Path) -> None:
    images = [ImageRef(n, f"{n}.jpg", Folder(str(tmp_path))) for n in range(3)]
    for image in images:
        (tmp_path / image.path).write_bytes(image.path.encode())
    before, source = threading.active_count(), Ahead(images)
    assert [source.read(image) for image in images] == [b"0.jpg", b"1.jpg", b"2.jpg"]
    assert threading.active_count() == before


def test_any_may_be_left_out_or_read_again_and_near_ones_may_be_between(
    server: WebServer, tmp_path: Path
) -> None:
    (tmp_path / "near").write_bytes(b"near")
    near = ImageRef(99, "near", Folder(str(tmp_path)))
    images = [*refs(server, 2 * AT_ONCE), near]
    source = Ahead([*images, *images])  # some of them twice
    order = [0, 1, -1, 5, 30, 30, 2, 31, 0]
    assert [source.read(images[n]) for n in order] == [
        b"near" if n < 0 else b"/%d" % n for n in order
    ]


def test_a_failure_is_its_own_images(server: WebServer) -> None:
    server.pages = {"/1": gives(404), "/3": gives(403)}
    images = refs(server, 5)
    source, found = Ahead(images), []
    for image in images:
        try:
            found.append(source.read(image).decode())
        except ImageError as error:
            found.append(error.kind)
    assert found == ["/0", "vanished", "/2", "denied", "/4"]


def test_a_large_one_is_kept_only_when_it_is_asked_for(server: WebServer) -> None:
    large = bytes(EACH + 1)
    server.pages = {"/1": gives(200, large)}
    images = refs(server, 3)
    source = Ahead(images)
    assert source.read(images[0]) == b"/0"
    assert source.read(images[1]) == large
    assert source.read(images[2]) == b"/2"
    assert server.asked.count("/1") == 2


@pytest.mark.runs
def test_one_that_hangs_fails_in_time(server: WebServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("batchcls.sources.ahead.PATIENCE_S", 0.2)
    monkeypatch.setattr("batchcls.sources.ahead.GRACE_S", 0.0)
    server.pages = {"/0": stalls}
    images = refs(server, 2)
    source = Ahead(images)
    with pytest.raises(ImageError, match=r"no answer within 0\.2 s"):
        source.read(images[0])
    assert source.read(images[1]) == b"/1"


def test_where_no_thread_can_be_started_images_are_read_when_they_are_asked_for(
    server: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = refs(server, 3)
    source = Ahead(images)
    with monkeypatch.context() as patch:
        start = threading.Thread.start

        def refused(thread: threading.Thread) -> None:
            if thread.name == "ahead":
                raise RuntimeError("can't start new thread")
            start(thread)

        patch.setattr(threading.Thread, "start", refused)
        assert [source.read(image) for image in images] == [b"/0", b"/1", b"/2"]
    assert server.most == 1
