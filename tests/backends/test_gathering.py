"""Fewer, larger messages from a machine: nothing is lost, and nothing waits for long."""

from batchcls.backends.gathering import ENOUGH, LATE_S, Gathering
from batchcls.messages import Answer, Answered, Checks, WorkerStats
from batchcls.wire import agents, protocol
from batchcls.wire.frames import MAX_FRAME, FrameReader


def answered(lease: int, *indices: int, worker: int = 0, images: int = 0) -> Answered:
    stats = WorkerStats({"CPU": images}, {"CPU": 0.5}, spent={"read": 0.25}, rss=7, notes=("a",))
    return Answered(worker, lease, tuple(Answer(i, b"%d" % i) for i in indices), stats)


def test_the_answers_to_a_lease_go_together() -> None:
    gathering = Gathering()
    gathering.lease(0, 1, 3)
    assert gathering.take(answered(1, 0, images=1), 0.0) == []
    assert gathering.take(answered(1, 2, images=1), 0.1) == []
    (event,) = gathering.take(answered(1, 1, images=1), 0.2)
    assert [answer.index for answer in event.answers] == [0, 2, 1]
    assert event.stats is not None
    assert (event.stats.images, event.stats.latency) == ({"CPU": 3}, {"CPU": 1.5})
    assert (event.stats.spent, event.stats.rss) == ({"read": 0.75}, 7)
    assert event.stats.notes == ("a",) * 3


def test_nothing_waits_for_long() -> None:
    gathering = Gathering()
    gathering.lease(0, 1, 3)
    gathering.take(answered(1, 0), 5.0)
    assert gathering.due(5.0 + LATE_S / 2) == []
    (event,) = gathering.due(5.0 + 2 * LATE_S)
    assert len(event.answers) == 1
    assert gathering.due(100.0) == []
    gathering.take(answered(1, 1), 100.0)
    (event,) = gathering.take(answered(1, 2), 100.0)
    assert len(event.answers) == 2


def test_what_a_worker_answered_before_it_died_is_told_first() -> None:
    gathering = Gathering()
    for worker in (0, 1):
        gathering.lease(worker, worker, 2)
        gathering.take(answered(worker, worker, worker=worker), 0.0)
    (event,) = gathering.end(0)
    assert event.worker == 0
    assert gathering.end(0) == []
    (event,) = gathering.take(answered(1, 5, worker=1), 0.0)
    assert len(event.answers) == 2


def test_the_latest_check_of_a_device_counts() -> None:
    gathering = Gathering()
    gathering.lease(0, 1, 2)
    for index, passed in ((0, 1), (1, 2)):
        checks = {"GPU": Checks(index, passed, 1, 1, fails=False)}
        done = gathering.take(
            Answered(0, 1, (Answer(index, b""),), WorkerStats(checks=checks)), 0.0
        )
    assert done[0].stats is not None
    assert done[0].stats.checks["GPU"].passed == 2


def test_long_lines_go_before_they_are_too_many_for_a_message() -> None:
    gathering = Gathering()
    gathering.lease(0, 1, 20)
    told: list[int] = []
    for index in range(20):
        line = bytes(ENOUGH // 3 if index < 19 else MAX_FRAME - 1000)  # a worker's longest
        for event in gathering.take(Answered(0, 1, (Answer(index, line),)), 0.0):
            told += [answer.index for answer in event.answers]
            payload = protocol.encode_answers(event.lease, event.answers, event.stats)
            sent = agents.message("from", payload, w=4095)
            (heard,) = FrameReader(agents.MAX_AGENT_FRAME).feed(sent)
            assert len(heard) < ENOUGH + MAX_FRAME
    assert told == list(range(20))


def test_a_workers_longest_message_is_passed_on() -> None:
    sent = agents.message("from", bytes(MAX_FRAME), w=4095)
    assert len(FrameReader(agents.MAX_AGENT_FRAME).feed(sent)) == 1


def test_what_is_done_waits_until_its_worker_is_half_through_what_it_holds_besides() -> None:
    gathering = Gathering()
    for lease in (1, 2):
        gathering.lease(0, lease, 4)
        gathering.lease(1, lease, 4)
    assert gathering.take(answered(1, 0, 1, 2, 3), 0.0) == []
    assert gathering.take(answered(1, 0, 1, 2, 3, worker=1), 0.1) == []
    assert gathering.take(answered(2, 4), 0.1) == []
    told = gathering.take(answered(2, 5), 0.2)
    assert [(event.worker, event.lease) for event in told] == [(0, 1), (1, 1)]


def test_a_worker_with_nothing_left_waits_for_nobody() -> None:
    gathering = Gathering()
    gathering.lease(0, 1, 4)
    gathering.lease(1, 2, 4)
    gathering.take(answered(2, 8, worker=1), 0.0)
    assert len(gathering.take(answered(1, 0, 1, 2, 3), 0.0)) == 1


def test_what_is_soon_late_goes_with_what_is_late() -> None:
    gathering = Gathering()
    for worker in (0, 1, 2):
        gathering.lease(worker, worker, 4)
        gathering.take(answered(worker, 0, worker=worker), worker * LATE_S / 3)
    assert [event.worker for event in gathering.due(1.1 * LATE_S)] == [0, 1]


def test_what_is_soon_late_goes_with_what_its_worker_waits_for() -> None:
    gathering = Gathering()
    for lease in (1, 2):
        gathering.lease(0, lease, 2)
    gathering.lease(1, 3, 4)
    gathering.take(answered(3, 7, worker=1), 0.0)
    assert gathering.take(answered(1, 0, 1), 0.1) == []
    told = gathering.take(answered(2, 4), 0.6 * LATE_S)
    assert [(event.worker, event.lease) for event in told] == [(0, 1), (1, 3)]
