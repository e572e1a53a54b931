"""Whatever the images do, each that enters the pipeline leaves it as exactly one answer."""

import time

import pytest

from batchcls.images import ImageRef
from batchcls.worker.answers import Done
from batchcls.worker.pipeline import SIDE_BY_SIDE, Pipeline
from batchcls.worker.stage_board import Board
from tests.support.fakes import FakeClassifier, FakeRing, fake_decode
from tests.support.pipelines import answer_all, outcome, read

EXPECTED = {
    "V": "vanished",
    "T": "truncated",
    "M": "out_of_memory",
    "P": "corrupt",
    "R": "infer",
    "O": "out_of_memory",
    "N": "bad_output",
    "a": "1",
    "b": "2",
    "c": "3",
}


@pytest.mark.parametrize("threads", [0, 1, 3])
@pytest.mark.parametrize("delay", [1, 4])
@pytest.mark.parametrize("rings", [1, 3])
@pytest.mark.parametrize("alternate", [False, True])
def test_each_image_gets_its_own_answer_once(
    board: Board, threads: int, delay: int, rings: int, alternate: bool
) -> None:
    paths = "aVbTMcPRNOab" * 7 + "c"
    classifier = FakeClassifier(*(FakeRing(f"D{n}", 2, 1, delay) for n in range(rings)))
    pipeline = Pipeline(classifier, read, fake_decode, board, threads, alternate=alternate)
    done = answer_all(pipeline, paths)
    assert sorted(d.answer.index for d in done) == list(range(len(paths)))
    for d in done:
        assert outcome(d) == EXPECTED[paths[d.answer.index]]
        assert d.lease == (1 if d.answer.index < len(paths) // 2 else 2)
    assert board.in_hand() == []


@pytest.mark.parametrize("threads", [0, 2])
@pytest.mark.parametrize("alternate", [False, True])
@pytest.mark.parametrize("batch", [2, 4, 7])
def test_batches_are_filled_and_the_last_one_is_short(
    board: Board, threads: int, alternate: bool, batch: int
) -> None:
    paths = "abcTab" * 5 + "a"
    classifier = FakeClassifier(FakeRing("D", 2, batch), FakeRing("E", 2, batch))
    pipeline = Pipeline(classifier, read, fake_decode, board, threads, alternate=alternate)
    done = answer_all(pipeline, paths)
    assert [outcome(d) for d in sorted(done, key=lambda d: d.answer.index)] == [
        EXPECTED[c] for c in paths
    ]


def test_a_refused_request_fails_its_images_and_no_others(board: Board) -> None:
    classifier = FakeClassifier(FakeRing("D", 2, 2))
    done = answer_all(Pipeline(classifier, read, fake_decode, board, 0), "abRcab")
    failed = {d.answer.index for d in done if d.answer.failed}
    assert failed == {2, 3}


def test_devices_take_turns(board: Board) -> None:
    rings = FakeRing("D", 2), FakeRing("E", 2)
    pipeline = Pipeline(FakeClassifier(*rings), read, fake_decode, board, 0)
    done = answer_all(pipeline, "ab" * 20)
    assert len(done) == 40
    images = pipeline.stats(0).images
    assert images == {"D": 20, "E": 20}


def test_no_more_is_decoded_ahead_than_can_be_used(board: Board) -> None:
    classifier = FakeClassifier(FakeRing("D", 2, 1, delay=10_000))
    pipeline = Pipeline(classifier, read, fake_decode, board, 2)
    pipeline.add(1, [ImageRef(i, f"a{i}") for i in range(500)])
    for _ in range(50):
        pipeline.step(0.01)
        assert len(board.in_hand()) <= 8
    pipeline.drop_waiting()
    pipeline.close()


def test_waiting_images_can_be_dropped_while_started_ones_finish(board: Board) -> None:
    pipeline = Pipeline(FakeClassifier(FakeRing("D", 2)), read, fake_decode, board, 0)
    pipeline.add(1, [ImageRef(i, "a") for i in range(100)])
    done = pipeline.step(0.01)
    pipeline.drop_waiting()
    while not pipeline.idle:
        done += pipeline.step(0.01)
    assert 1 <= len(done) < 10


@pytest.mark.parametrize("threads", [0, 2])
@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("rings", [1, 2])
@pytest.mark.parametrize("alternate", [False, True])
def test_a_close_answer_to_a_reduced_picture_is_found_again_in_all_of_it(
    board: Board, threads: int, batch: int, rings: int, alternate: bool
) -> None:
    classifier = FakeClassifier(*(FakeRing(f"D{n}", 2, batch) for n in range(rings)))
    pipeline = Pipeline(
        classifier, read, fake_decode, board, threads, ["margin"], alternate=alternate
    )
    paths = ["ra", "Cb", "b", "CN", "CC", "rC", "CM"] * 9
    for lease in range(9):
        begin = 7 * lease
        pipeline.add(lease, [ImageRef(n, paths[n]) for n in range(begin, begin + 7)])
    done: list[Done] = []
    for _ in range(10_000):
        done += pipeline.step(0.01)
        if pipeline.idle:
            break
    pipeline.close()
    done.sort(key=lambda one: one.answer.index)
    assert [one.answer.index for one in done] == list(range(len(paths)))
    # r and C are classes 2 and 3; what follows a C is seen in full only.
    assert [outcome(one) for one in done] == ["2", "2", "2", "bad_output", "3", "2", "1"] * 9
    assert [one.lease for one in done] == [n // 7 for n in range(len(paths))]
    assert board.in_hand() == []


@pytest.mark.parametrize("threads", [0, 1])
@pytest.mark.parametrize("delay", [1, 2, 3])
def test_a_second_look_begins_at_once(board: Board, threads: int, delay: int) -> None:
    classifier = FakeClassifier(FakeRing("D", 2, delay=delay))
    pipeline = Pipeline(classifier, read, fake_decode, board, threads)
    pipeline.add(1, [ImageRef(0, "Cb")])
    began = time.monotonic()
    while not pipeline.idle:
        pipeline.step(10.0)
    pipeline.close()
    assert time.monotonic() - began < 5.0


def test_who_is_told_to_leave_still_has_the_second_look(board: Board) -> None:
    begun: set[int] = set()

    def noted(image: ImageRef) -> bytes:
        begun.add(image.index)
        return read(image)

    for steps in range(1, 8):  # one of them leaves it when a second look waits
        begun.clear()
        pipeline = Pipeline(FakeClassifier(FakeRing("D", 2)), noted, fake_decode, board, 0)
        pipeline.add(1, [ImageRef(n, "Cb") for n in range(100)])
        done: list[Done] = []
        for _ in range(steps):
            done += pipeline.step(0.01)
        pipeline.drop_waiting()
        while not pipeline.idle:
            done += pipeline.step(0.01)
        assert 1 <= len(done) < 10
        assert {one.answer.index for one in done} == begun
        assert {outcome(one) for one in done} == {"2"}


def test_an_image_is_counted_once_however_often_it_is_inferred(board: Board) -> None:
    pipeline = Pipeline(FakeClassifier(FakeRing("D", 2)), read, fake_decode, board, 0)
    pipeline.add(1, [ImageRef(n, "Cb") for n in range(7)])
    while not pipeline.idle:
        pipeline.step(0.01)
    assert pipeline.stats(0).images == {"D": 7}


def test_statistics_say_where_time_went(board: Board) -> None:
    pipeline = Pipeline(FakeClassifier(FakeRing("D", 2)), read, fake_decode, board, 1)
    answer_all(pipeline, "ab" * 20)
    stats = pipeline.stats(rss=5)
    assert stats.rss == 5
    assert {"read", "decode", "preprocess", "write"} <= set(stats.spent)
    assert all(seconds >= 0 for seconds in stats.spent.values())
    assert pipeline.stats(5).images == {}


class Watched:
    """Reads images, and notes how many requests were running meanwhile."""

    def __init__(self, ring: FakeRing, *, blocks: bool) -> None:
        self.ring, self.blocks, self.beside = ring, blocks, list[int]()

    def __call__(self, image: ImageRef) -> bytes:
        self.beside.append(self.ring.in_flight)
        if self.blocks:
            time.sleep(0.001)  # as a disk lets its reader wait
        return read(image)


def test_on_one_core_nothing_is_prepared_while_anything_is_inferred(board: Board) -> None:
    ring = FakeRing("D", 8, delay=3)
    reader = Watched(ring, blocks=False)
    pipeline = Pipeline(FakeClassifier(ring), reader, fake_decode, board, 0, alternate=True)
    assert len(answer_all(pipeline, "abc" * 40)) == 120
    assert set(reader.beside) == {0}
    reader = Watched(ring, blocks=False)
    side_by_side = Pipeline(FakeClassifier(ring), reader, fake_decode, board, 0)
    assert len(answer_all(side_by_side, "abc" * 40)) == 120
    assert max(reader.beside) > 0


def test_while_reads_wait_for_a_disk_the_core_infers(board: Board) -> None:
    ring = FakeRing("D", 8, delay=3)
    reader = Watched(ring, blocks=True)
    pipeline = Pipeline(FakeClassifier(ring), reader, fake_decode, board, 0, alternate=True)
    assert len(answer_all(pipeline, "abc" * 40)) == 120
    assert max(reader.beside[60:]) > 0


def test_while_reads_wait_not_all_the_requests_of_a_turn_are_in_use(board: Board) -> None:
    ring = FakeRing("D", 64, delay=1000)
    reader = Watched(ring, blocks=True)
    pipeline = Pipeline(FakeClassifier(ring), reader, fake_decode, board, 0, alternate=True)
    assert len(answer_all(pipeline, "abc" * 60)) == 180
    assert max(reader.beside[60:]) == SIDE_BY_SIDE - 1


def test_large_pictures_do_not_make_the_others_of_their_turn_wait_long(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("batchcls.worker.pipeline.MICRO_BATCH_S", 0.0)
    ring = FakeRing("D", 8)
    pipeline = Pipeline(FakeClassifier(ring), read, fake_decode, board, 0, alternate=True)
    pipeline.add(1, [ImageRef(n, f"a{n}") for n in range(40)])
    most = 0
    while not pipeline.idle:
        pipeline.step(0.01)
        most = max(most, ring.in_flight)
    assert most == 1
