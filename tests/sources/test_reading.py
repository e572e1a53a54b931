"""Reading one image: its bytes, or the right reason, and never a wait without end."""

import errno
import os
import socket
import stat
import threading
from pathlib import Path

import pytest

from batchcls.errors import ImageError
from batchcls.sources.reading import BACKOFF_S, READ_BLOCK, TRANSIENT, read_file


class FaultySystem:
    """The real file system, with errors and changes slipped in.

    Args:
        call: where: stat, open, fstat or read.
        faults: what that call does, one after the other: an errno, or None to work.
    """

    def __init__(self, call: str = "", faults: tuple[int | None, ...] = ()) -> None:
        self._call = call
        self._faults = list(faults)
        self.opened = 0
        self.waits: list[float] = []

    def _may_fail(self, call: str) -> None:
        if call == self._call and self._faults and (number := self._faults.pop(0)):
            raise OSError(number, os.strerror(number))

    def stat(self, path: bytes, /) -> os.stat_result:
        self._may_fail("stat")
        return os.stat(path)

    def open(self, path: bytes, flags: int, /) -> int:
        self._may_fail("open")
        self.opened += 1
        return os.open(path, flags)

    def fstat(self, fd: int, /) -> os.stat_result:
        self._may_fail("fstat")
        return os.fstat(fd)

    def read(self, fd: int, length: int, /) -> bytes:
        self._may_fail("read")
        return os.read(fd, length)

    def close(self, fd: int, /) -> None:
        self.opened -= 1
        os.close(fd)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"0123456789" * 1000)
    return path


def failing(root: Path, path: str = "a.jpg", **options: object) -> ImageError:
    with pytest.raises(ImageError) as caught:
        read_file(os.fsencode(root / path), **options)  # type: ignore[arg-type]  # the test's own
    assert str(root) not in caught.value.message  # the record has the path already
    return caught.value


def test_a_large_file_comes_in_blocks(tmp_path: Path) -> None:
    data = os.urandom(1 << 20) * (READ_BLOCK // (1 << 20) + 1)
    (tmp_path / "a.jpg").write_bytes(data)
    assert read_file(os.fsencode(tmp_path / "a.jpg")) == data


def test_kinds(tmp_path: Path) -> None:
    assert failing(tmp_path, "gone.jpg").kind == "vanished"
    (tmp_path / "file").write_bytes(b"x")
    assert failing(tmp_path, "file/a.jpg").kind == "vanished"
    assert failing(tmp_path, "a" * 300).kind == "vanished"
    (tmp_path / "broken.jpg").symlink_to("nowhere")
    assert failing(tmp_path, "broken.jpg").kind == "vanished"
    (tmp_path / "loop.jpg").symlink_to("loop.jpg")
    assert failing(tmp_path, "loop.jpg").kind == "io_error"
    (tmp_path / "empty.jpg").touch()
    assert failing(tmp_path, "empty.jpg").kind == "empty"
    (tmp_path / "folder.jpg").mkdir()
    assert failing(tmp_path, "folder.jpg").kind == "not_regular"
    assert failing(Path("/dev"), "null").kind == "not_regular"
    assert failing(Path("/dev"), "tty").kind == "not_regular"


@pytest.mark.timeout(5)
def test_fifo_and_socket_block_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "a.jpg")
    assert failing(tmp_path).kind == "not_regular"
    monkeypatch.chdir(tmp_path)  # a socket's path has to be short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("s.jpg")
        assert failing(tmp_path, "s.jpg").kind == "not_regular"


@pytest.mark.timeout(5)
def test_fifo_put_in_place_after_the_first_look(tmp_path: Path, image: Path) -> None:
    class Swapping(FaultySystem):
        def stat(self, path: bytes, /) -> os.stat_result:
            status = os.stat(path)
            image.unlink()
            os.mkfifo(image)
            return status

    system = Swapping()
    assert failing(tmp_path, system=system).kind == "not_regular"
    assert system.opened == 0


@pytest.mark.parametrize("call", ["stat", "open", "fstat", "read"])
@pytest.mark.parametrize("number", sorted(TRANSIENT))
def test_transient_errors_are_tried_again(
    tmp_path: Path, image: Path, call: str, number: int
) -> None:
    for failures in range(1, 5):
        system = FaultySystem(call, (number,) * failures)
        waits: list[float] = []
        if failures <= len(BACKOFF_S):
            data = read_file(os.fsencode(tmp_path / "a.jpg"), system=system, sleep=waits.append)
            assert data == image.read_bytes()
        else:
            error = failing(tmp_path, system=system, sleep=waits.append)
            assert error.kind == ("out_of_memory" if number == errno.ENOMEM else "io_error")
            assert errno.errorcode[number] in error.message
        assert waits == list(BACKOFF_S[:failures])
        assert system.opened == 0


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.EACCES, "denied"), (errno.EPERM, "denied"), (errno.ENOENT, "vanished"),
        (errno.ELOOP, "io_error"), (errno.ENXIO, "not_regular"), (errno.EINVAL, "io_error"),
    ],
)  # fmt: skip
def test_lasting_errors_are_not(tmp_path: Path, image: Path, number: int, kind: str) -> None:
    waits: list[float] = []
    system = FaultySystem("open", (number,))
    assert failing(tmp_path, system=system, sleep=waits.append).kind == kind
    assert waits == []


class Changing(FaultySystem):
    """Changes the file while it is read: once each of the first so many times it is opened."""

    def __init__(self, image: Path, how: str, times: int) -> None:
        super().__init__()
        self._image, self._how, self._times = image, how, times
        self._due = False

    def open(self, path: bytes, flags: int, /) -> int:
        self._due = self._times > 0
        self._times -= 1
        return super().open(path, flags)

    def read(self, fd: int, length: int, /) -> bytes:
        data = os.read(fd, length)
        if self._due:
            self._due = False
            if self._how == "grow":
                with self._image.open("ab") as file:
                    file.write(b"more")
            elif self._how == "shrink":
                os.truncate(self._image, len(data) - 10)
            else:
                os.utime(self._image, ns=(1, 2 + self._times))
        return data


@pytest.mark.parametrize("how", ["grow", "shrink", "touch"])
def test_a_change_while_reading_is_seen(tmp_path: Path, image: Path, how: str) -> None:
    system = Changing(image, how, times=1)
    assert read_file(os.fsencode(tmp_path / "a.jpg"), system=system) == image.read_bytes()
    assert failing(tmp_path, system=Changing(image, how, times=2)).kind == "changed"


@pytest.mark.timeout(30)
def test_files_that_change_all_the_time(tmp_path: Path) -> None:
    """Churn: what is read is always one of the versions written, or a documented kind."""
    path = tmp_path / "a.jpg"
    versions = [bytes([65 + i]) * (50_000 + i) for i in range(8)]
    stop = threading.Event()

    def churn() -> None:
        turn = 0
        while not stop.is_set():
            turn += 1
            other = tmp_path / "new"
            other.write_bytes(versions[turn % 8])
            other.replace(path)
            if turn % 5 == 0:
                path.unlink()
            if turn % 7 == 0:
                path.write_bytes(versions[turn % 8])

    thread = threading.Thread(target=churn)
    thread.start()
    outcomes: set[str] = set()
    try:
        for _ in range(2000):
            try:
                data = read_file(os.fsencode(tmp_path / "a.jpg"))
            except ImageError as error:
                outcomes.add(error.kind)
            else:
                outcomes.add("ok")
                if data not in versions:
                    # Written in place: a prefix may be seen before the rest is written, whole in
                    # itself; the decoder finds it truncated.
                    assert any(version.startswith(data) for version in versions)
    finally:
        stop.set()
        thread.join()
    assert outcomes <= {"ok", "vanished", "changed", "empty"}
    assert "ok" in outcomes


class Sizeless(FaultySystem):
    """A mount that does not know the sizes of its files."""

    def fstat(self, fd: int, /) -> os.stat_result:
        status = [*os.fstat(fd)]
        status[stat.ST_SIZE] = 0
        return os.stat_result(status)


def test_a_mount_that_says_every_size_is_0_is_read_to_the_end(tmp_path: Path) -> None:
    data = os.urandom(3 << 20)
    (tmp_path / "a.jpg").write_bytes(data)
    assert read_file(os.fsencode(tmp_path / "a.jpg"), system=Sizeless()) == data
    assert failing(tmp_path, system=Sizeless(), max_bytes=1 << 20).kind == "too_large"
    (tmp_path / "a.jpg").write_bytes(b"")
    assert failing(tmp_path, system=Sizeless()).kind == "empty"
