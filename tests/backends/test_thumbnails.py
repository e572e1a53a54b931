"""Thumbnails come from a process that a picture may kill, and from containers too."""

import os
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest

from batchcls.backends.thumbnails import MOST_DEATHS, ThumbnailProcess, _Child
from batchcls.images import Folder, ImageRef
from batchcls.report.pictures import EDGE, NOTHING
from tests.support.archives import pack
from tests.support.members import listed
from tests.support.pictures import scene

pytestmark = pytest.mark.runs


def jpeg(side: int = 480) -> bytes:
    return bytes(cv2.imencode(".jpg", scene(side))[1])


def test_a_thumbnail_is_small_and_knows_its_picture(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(jpeg(1500))
    (tmp_path / "b.png").write_bytes(cv2.imencode(".png", scene(60))[1].tobytes())
    (tmp_path / "bad.jpg").write_bytes(jpeg()[:2000])
    folder = Folder(str(tmp_path))
    with closing(ThumbnailProcess()) as make:
        large, small, bad, gone = (
            make.of(ImageRef(n, name, folder), EDGE, 8 << 10)
            for n, name in enumerate(("a.jpg", "b.png", "bad.jpg", "gone.jpg"))
        )
    assert len(large.data) <= 8 << 10
    assert (large.width, large.height) == (1500, 1500)
    pixels = cv2.imdecode(np.frombuffer(large.data, np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None
    assert pixels.shape == (EDGE, EDGE, 3)
    assert (small.width, small.height) == (60, 60)
    assert large.hash is not None
    assert small.hash is not None
    assert (large.hash ^ small.hash).bit_count() <= 12
    assert (bad.data, bad.kind) == (b"", "truncated")
    assert (gone.data, gone.kind) == (b"", "vanished")


@pytest.mark.parametrize("ending", [".tar", ".zip"])
def test_a_member_of_a_container_has_a_thumbnail(tmp_path: Path, ending: str) -> None:
    pack(tmp_path / f"0{ending}", {"a/1.jpg": jpeg(), "a/é.jpg": jpeg()})
    with closing(ThumbnailProcess()) as make:
        for image in listed(tmp_path / f"0{ending}"):
            assert make.of(image, EDGE, 8 << 10).data


def test_a_death_costs_one_picture_and_many_deaths_end_it(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(jpeg())
    image = ImageRef(0, "a.jpg", Folder(str(tmp_path)))
    with closing(ThumbnailProcess()) as make:
        assert make.of(image, EDGE, 8 << 10).data
        os.kill(child_of(make).pid, signal.SIGSTOP)
        killing = threading.Timer(0.3, os.kill, (child_of(make).pid, signal.SIGKILL))
        killing.start()
        assert make.of(image, EDGE, 8 << 10) == NOTHING
        assert make.of(image, EDGE, 8 << 10).data
        child_of(make).kill()
        child_of(make).wait()
        assert make.of(image, EDGE, 8 << 10).data  # this picture is not why it died
        make._deaths = MOST_DEATHS
        assert make.of(image, EDGE, 8 << 10) == NOTHING


def child_of(make: ThumbnailProcess) -> "subprocess.Popen[bytes]":
    assert make._child is not None
    return make._child._popen


@pytest.mark.parametrize(
    "answer",
    [
        b"[" * 60_000 + b"\n",
        b'{"size":Infinity}\n',
        b'{"size":0,"kind":"' + b"x" * 5000 + b'"}\n',
        b'{"size":0,"kind":[]}\n',
    ],
    ids=["deep", "infinite", "long", "list"],
)
def test_what_a_process_says_ends_nothing(answer: bytes) -> None:
    with closing(ThumbnailProcess()) as make, spoken_for(make) as its:
        its.sendall(answer)
        assert make._child is not None
        make._child.waits = lambda: True  # type: ignore[method-assign]  # it was silent until then
        assert make.of(GONE, EDGE, 8 << 10) == NOTHING
        assert make._child is None


def test_what_a_process_says_unasked_answers_nothing() -> None:
    with closing(ThumbnailProcess()) as make, spoken_for(make) as its:
        its.sendall(b'{"size":0,"kind":"empty"}\n')
        assert make.of(GONE, EDGE, 8 << 10).kind == "vanished"


GONE = ImageRef(0, "gone.jpg", Folder("/nowhere"))


@contextmanager
def spoken_for(make: ThumbnailProcess) -> Iterator[socket.socket]:
    """The other end of what `make` asks."""
    make._child = child = _Child(None)
    child._socket.close()
    child._socket, its = socket.socketpair()
    with child._socket, its:
        yield its
