"""Images that come over a network are read ahead: side by side, in bounded memory, in time."""

import threading
import time
from collections.abc import Callable

import pytest

from batchcls.errors import ImageError
from batchcls.images import ImageRef
from batchcls.worker.answers import Done
from batchcls.worker.pipeline import Pipeline
from batchcls.worker.read_ahead import FEWEST, PER_HOST, WEB
from batchcls.worker.room import Room
from batchcls.worker.stage_board import AHEAD, BLAMED, Board
from tests.support.fakes import FakeClassifier, FakeRing, fake_decode


def refs(count: int, host: str = "http://a", first: int = 0) -> list[ImageRef]:
    return [ImageRef(n, f"{host}/{n}") for n in range(first, first + count)]


def finished(pipeline: Pipeline, within_s: float = 20.0) -> list[Done]:
    done: list[Done] = []
    until = time.monotonic() + within_s
    while not pipeline.idle:
        assert time.monotonic() < until
        done += pipeline.step(0.25)
    pipeline.close()
    return done


def kinds(done: list[Done]) -> dict[int, str]:
    return {d.answer.index: d.answer.failed or "" for d in done}


class Server:
    """Answers once `go` is set; notes how many reads were in progress at once."""

    def __init__(self, act: Callable[[ImageRef], bytes] = lambda image: b"a") -> None:
        self.go = threading.Event()
        self.act = act
        self.now = self.most = 0
        self._lock = threading.Lock()

    def __call__(self, image: ImageRef) -> bytes:
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)
        try:
            self.go.wait(30)
            return self.act(image)
        finally:
            with self._lock:
                self.now -= 1

    def reached(self, count: int) -> None:
        until = time.monotonic() + 10
        while self.now < count:
            assert time.monotonic() < until
            time.sleep(0.002)


@pytest.mark.parametrize("threads", [0, 2])
@pytest.mark.parametrize("alternate", [False, True])
@pytest.mark.parametrize("batch", [1, 4])
def test_far_images_are_answered_beside_near_ones(
    board: Board, threads: int, alternate: bool, batch: int
) -> None:
    def read(image: ImageRef) -> bytes:
        if image.index % 10 == 3:
            raise ImageError("vanished", "gone")
        if image.index % 10 == 4:
            raise ValueError(image.path)
        return b"C2" if image.index % 10 == 5 else b"a"  # C: a close answer, and a second look

    images = [
        ImageRef(n, f"https://h{n % 3}.example/{n}" if n % 2 else f"{n}.jpg") for n in range(100)
    ]
    classifier = FakeClassifier(FakeRing("D", 2, batch))
    pipeline = Pipeline(classifier, read, fake_decode, board, threads, alternate=alternate)
    pipeline.add(1, images)
    found = kinds(finished(pipeline))
    expected = {3: "vanished", 4: "corrupt"}
    assert found == {n: expected.get(n % 10, "") for n in range(100)}
    assert board.in_hand() == []


def test_reads_go_side_by_side_and_blame_nobody(board: Board) -> None:
    server = Server()
    pipeline = Pipeline(FakeClassifier(), server, fake_decode, board, 0)
    pipeline.add(1, refs(100))
    server.reached(PER_HOST)
    assert {hand.stage for hand in board.in_hand()} == {AHEAD}
    assert AHEAD not in BLAMED
    server.go.set()
    assert len(finished(pipeline)) == 100
    assert server.most == PER_HOST


@pytest.mark.parametrize(
    ("host", "workers", "expected"),
    [
        ("https://a", 2, PER_HOST),
        ("https://a", 8, WEB // 8),
        ("https://a", 100, FEWEST),
        ("s3://a", 100, PER_HOST),
    ],
)
def test_more_workers_are_no_more_to_a_web_server(
    board: Board, host: str, workers: int, expected: int
) -> None:
    server = Server()
    pipeline = Pipeline(FakeClassifier(), server, fake_decode, board, 0, workers=workers)
    pipeline.add(1, refs(100, host))
    server.reached(expected)
    server.go.set()
    assert len(finished(pipeline)) == 100
    assert server.most == expected


def test_a_slow_host_holds_up_no_other(board: Board) -> None:
    def read(image: ImageRef) -> bytes:
        return server(image) if "slow" in image.path else b"a"

    server = Server()
    pipeline = Pipeline(FakeClassifier(), read, fake_decode, board, 0)
    pipeline.add(1, [*refs(100, "http://slow"), *refs(100, "http://quick", 100)])
    done: list[Done] = []
    until = time.monotonic() + 10
    while len(done) < 100:
        assert time.monotonic() < until
        done += pipeline.step(0.25)
    assert min(kinds(done)) == 100
    server.go.set()
    assert len(finished(pipeline)) == 100


def test_a_read_that_hangs_fails_its_image_alone_and_its_late_answer_counts_for_nothing(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("batchcls.worker.read_ahead.GRACE_S", 0.0)

    def read(image: ImageRef) -> bytes:
        return server(image) if image.index < PER_HOST else b"a"

    server = Server()
    pipeline = Pipeline(FakeClassifier(), read, fake_decode, board, 0, patience_s=0.3)
    pipeline.add(1, refs(3 * PER_HOST))
    found = kinds(finished(pipeline))
    server.go.set()
    assert found == {n: "io_error" if n < PER_HOST else "" for n in range(3 * PER_HOST)}
    assert board.in_hand() == []


def test_when_all_threads_hang_the_rest_fails_too(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"GRACE_S": 0.0, "LOOK_S": 0.05, "THREADS": 2, "GIVEN_UP": 2}.items():
        monkeypatch.setattr(f"batchcls.worker.read_ahead.{name}", value)
    server = Server()
    pipeline = Pipeline(FakeClassifier(), server, fake_decode, board, 0, patience_s=0.1)
    pipeline.add(1, refs(20))
    assert set(kinds(finished(pipeline)).values()) == {"io_error"}
    assert server.most <= 4
    server.go.set()


@pytest.mark.runs
def test_reads_that_come_back_late_cost_no_thread(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"GRACE_S": 0.0, "LOOK_S": 0.01, "THREADS": 2, "GIVEN_UP": 2}.items():
        monkeypatch.setattr(f"batchcls.worker.read_ahead.{name}", value)

    def read(image: ImageRef) -> bytes:
        time.sleep(0.15 if image.index < 12 else 0.0)
        return b"a"

    pipeline = Pipeline(FakeClassifier(), read, fake_decode, board, 0, patience_s=0.1)
    for number in range(13):  # more late ones than threads that may be given up
        pipeline.add(1, refs(1, first=number))
        done: list[Done] = []
        while not (done := [*done, *pipeline.step(0.05)]):
            pass
        time.sleep(0.1)
    assert kinds(done) == {12: ""}


def test_a_second_look_reads_nothing_again(board: Board) -> None:
    asked: list[int] = []

    def read(image: ImageRef) -> bytes:
        asked.append(image.index)
        return b"C2"

    room = Room()
    pipeline = Pipeline(FakeClassifier(), read, fake_decode, board, 0, room=room)
    pipeline.add(1, refs(20))
    assert set(kinds(finished(pipeline)).values()) == {""}
    assert sorted(asked) == list(range(20))
    assert room.taken == 0


def test_a_thread_that_waits_for_its_server_holds_up_no_other(board: Board) -> None:
    def read(image: ImageRef) -> bytes:
        room.take(4)
        if not image.index:
            return server(image)
        room.take(4)
        return b"a" * 8

    server, room = Server(), Room(32)
    pipeline = Pipeline(FakeClassifier(), read, fake_decode, board, 0, room=room)
    pipeline.add(1, refs(40))
    done: list[Done] = []
    until = time.monotonic() + 10
    while len(done) < 39:
        assert time.monotonic() < until
        done += pipeline.step(0.25)
    server.go.set()
    assert len(finished(pipeline)) == 1


def test_a_stop_does_not_wait_for_reads(board: Board) -> None:
    server = Server()
    pipeline = Pipeline(FakeClassifier(), server, fake_decode, board, 0)
    pipeline.add(1, refs(100))
    server.reached(PER_HOST)
    pipeline.drop_waiting()
    assert pipeline.idle
    assert board.in_hand() == []
    server.go.set()


@pytest.mark.parametrize("threads", [0, 2])
def test_what_is_read_ahead_fits_into_its_room(board: Board, threads: int) -> None:
    room, most, alone, most_alone, begun = Room(16), 0, 0, 0, 0

    def read(image: ImageRef) -> bytes:
        nonlocal most, alone, most_alone, begun
        if image.index % 7 == 6:  # fails in its middle
            room.take(2)
            raise ImageError("io_error", "cut off")
        large = image.index % 10 == 3
        begun += large
        for number in range(4):
            room.take(5 if large else 1)
            if large and number == 1:  # it goes alone
                alone += 1
                most_alone = max(most_alone, alone)
            most = max(most, room.taken)
        alone -= large
        return b"a" * (20 if large else 4)

    pipeline = Pipeline(FakeClassifier(), read, fake_decode, board, threads, room=room)
    pipeline.add(1, refs(60))
    failed = {n: "io_error" if n % 7 == 6 else "" for n in range(60)}
    assert kinds(finished(pipeline)) == failed
    assert room.taken == 0
    assert most <= 2 * 16, "those that wait for room may, while one waits for its server"
    assert (most_alone, begun) == (1, 2 * 5)


def test_images_that_go_alone_starve_nobody(board: Board) -> None:
    def read(image: ImageRef) -> bytes:
        if image.index % 2:
            room.take(9)
            return server(image)
        room.take(1)
        return b"a"

    server, room = Server(), Room(16)
    pipeline = Pipeline(FakeClassifier(), read, fake_decode, board, 0, room=room)
    pipeline.add(1, refs(100))
    done: list[Done] = []
    until = time.monotonic() + 10
    while len(done) < 50:
        assert time.monotonic() < until
        done += pipeline.step(0.25)
    assert not any(index % 2 for index in kinds(done))
    server.go.set()
    assert len(finished(pipeline)) == 50
    assert server.most == 1


def test_waiting_for_room_is_nobodys_delay(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("batchcls.worker.read_ahead.GRACE_S", 0.0)
    monkeypatch.setattr("batchcls.worker.read_ahead.LOOK_S", 0.01)
    room = Room(4)

    def read(image: ImageRef) -> bytes:
        assert room.take(1) < 10
        return b"a"

    def decode(data: bytes, whole: bool):  # type: ignore[no-untyped-def]
        time.sleep(0.03)
        return fake_decode(data, whole)

    pipeline = Pipeline(FakeClassifier(), read, decode, board, 0, room=room, patience_s=0.1)
    pipeline.add(1, refs(12))
    assert set(kinds(finished(pipeline)).values()) == {""}
