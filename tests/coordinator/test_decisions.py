"""Single decisions of the coordinator, each by the shortest story that calls for it."""

import pytest

from batchcls.images import ImageRef
from batchcls.messages import (
    CANARY,
    Answer,
    Answered,
    Halt,
    Lease,
    MachineJoined,
    MachineLost,
    Record,
    StartWorker,
    StopWorker,
    WorkerReady,
    WorkerRefused,
    WorkerStats,
)
from tests.support.coordinator_story import Story, leases
from tests.support.world import ListedWork, World


def test_workers_load_the_model_before_there_is_a_list() -> None:
    story = Story(10, listed=False)
    assert story.ready() == []
    assert not story.coordinator.complete
    story.coordinator.begin(story.work, 0)
    assert [type(command) for command in story.coordinator.advance()] == [Lease, Lease]


def test_the_first_line_is_the_one_that_is_missing() -> None:
    story = Story(10, listed=False)
    story.ready()
    story.coordinator.begin(ListedWork(10, 8), 8)
    (lease, _) = leases(story.coordinator.advance())
    story.answer(lease, 8)
    assert Record(8, (Answer(8, b"line"),)) in story.last


def test_none_that_dies_loading_is_replaced_before_another_has_loaded() -> None:
    story = Story(10, workers=3, listed=False)
    assert story.die(worker=0) == []
    assert story.die(worker=2) == []
    assert story.tell(WorkerReady(1, {})) == [StartWorker(0), StartWorker(2)]
    assert story.die(worker=0) == [StartWorker(0)]
    assert story.tell(WorkerReady(2, {})) == [], "the others live, or were started again"


def test_where_each_dies_loading_the_model_is_at_fault() -> None:
    story = Story(10, workers=2, listed=False)
    assert story.die(worker=1) == []
    assert story.die(worker=0) == [Halt("no worker could load the model (SIGSEGV)")]


def test_one_that_may_not_die_loading_is_not_started_again() -> None:
    story = Story(10, workers=2, start_deaths=1)
    story.die(worker=1)
    assert StartWorker(1) not in story.tell(WorkerReady(0, {}))


def test_a_run_is_not_complete_while_a_line_waits() -> None:
    story = Story(1)
    (lease,) = story.ready()
    story.coordinator.handle(Answered(0, lease.lease, (Answer(0, b"line"),)))
    assert not story.coordinator.complete
    story.coordinator.advance()
    assert story.coordinator.complete


def test_a_run_is_not_complete_while_a_failure_is_in_doubt() -> None:
    story = Story(1)
    (lease,) = story.ready()
    story.coordinator.handle(Answered(0, lease.lease, (Answer(0, b"line", "vanished"),)))
    assert not story.coordinator.complete
    story.coordinator.advance()
    assert story.coordinator.complete


def test_a_run_is_not_complete_while_a_conviction_is_held_back() -> None:
    story = Story(1)
    story.ready()
    for _ in range(3):
        story.die(0)
        (lease,) = story.ready()
    assert lease.images == (CANARY,)
    story.coordinator.handle(Answered(0, lease.lease, (Answer(CANARY.index, b""),)))
    assert not story.coordinator.complete
    story.coordinator.advance()
    assert story.coordinator.complete


def test_leases_get_shorter_towards_the_end() -> None:
    story = Story(10, chunk=64)
    assert [len(lease.images) for lease in story.ready()] == [3, 2]


def test_carried_lines_that_must_wait_keep_nobody_from_work() -> None:
    story = Story(400, workers=2, carried=frozenset(range(2, 380)), leases=1)
    (first,) = story.ready()
    assert [image.index for image in first.images] == [0, 1]
    (second,) = story.ready(1)
    assert [image.index for image in second.images] == [380, 381]


def test_carried_lines_behind_a_streak_keep_nobody_from_work() -> None:
    """The line before them is there, but must wait; no other event will come."""
    story = Story(400, carried=frozenset(range(2, 380)), leases=1, systemic=5)
    (first,) = story.ready()
    lost = tuple(Answer(image.index, b"line", "vanished") for image in first.images)
    story.tell(Answered(0, first.lease, lost))
    assert [lease.images[0].index for lease in leases(story.last)] == [380]
    assert story.recorded == []


def test_a_drain_is_told_and_leases_nothing_more() -> None:
    story = Story(100)
    first = story.ready()[0]
    assert StopWorker(0, drain=True) in story.coordinator.drain()
    assert story.coordinator.draining
    assert leases(story.answer(first, 0)) == []
    assert len(story.recorded) == 1


def test_after_a_halt_nothing_is_commanded() -> None:
    story = Story(10)
    first = story.ready()[0]
    story.coordinator.handle(Answered(0, first.lease, (Answer(0, b"line"),)))
    commands = story.tell(WorkerRefused(0, "ModelError", "no"))
    assert [type(command) for command in commands] == [Record, Halt], "lines first"
    assert story.answer(first, 1) == []
    assert story.die() == []


def test_all_lines_that_are_due_come_before_a_halt() -> None:
    """However many batches they are: here a window so small that each line is one."""
    story = Story(100, workers=2, window=1, systemic=2)
    first, second = story.ready()
    third, fourth = story.ready(1)
    for lease in (third, second):
        for image in lease.images:
            story.answer(lease, image.index)
    good = tuple(Answer(image.index, b"line") for image in first.images)
    lost = tuple(Answer(image.index, b"line", "vanished") for image in fourth.images)
    story.coordinator.handle(Answered(0, first.lease, good))
    story.tell(Answered(1, fourth.lease, lost))
    assert [answer.index for answer in story.recorded] == [0, 1, 2, 3, 4, 5]
    assert story.halted


def test_after_a_halt_a_worker_that_is_free_gets_nothing() -> None:
    story = Story(10, workers=2)
    story.ready()
    story.coordinator.handle(WorkerReady(1, {}))
    story.coordinator.handle(WorkerRefused(0, "ModelError", "no"))
    assert story.coordinator.advance() == []


def test_a_worker_that_is_gone_for_good_dies_only_once() -> None:
    story = Story(10, workers=2, start_deaths=1)
    story.ready()
    assert story.die(worker=1) == []
    assert story.die(worker=1) == []


def test_a_drain_halts_no_more() -> None:
    """Whoever stops the run learns nothing from it; the images are tried again next time."""
    story, canary = accused(doubtful=1)
    story.coordinator.drain()
    story.tell(Answered(0, canary.lease, (Answer(CANARY.index, b""),)))
    assert story.coordinator.trial.doubtful == 1
    assert story.last == []
    assert not story.coordinator.complete


def test_a_drain_asks_a_worker_that_is_to_be_replaced_to_leave_too() -> None:
    story, _ = recycled()
    assert story.coordinator.drain() == [StopWorker(0, drain=True)]
    assert story.die() == []


def test_a_drain_takes_back_that_a_worker_is_to_be_replaced() -> None:
    story, held = recycled()
    story.answer(held[1], 2)
    story.answer(held[1], 3)
    assert story.last[-1] == StopWorker(0)
    assert story.coordinator.drain() == []
    assert story.die() == [], "no other in its place"


def test_a_worker_that_gets_ready_too_late_is_left_alone() -> None:
    story = Story(1, workers=2)
    (lease,) = story.ready()
    story.answer(lease, 0)
    assert StopWorker(1) in story.last
    assert story.ready(1) == []
    assert story.last == []


def test_an_image_answered_twice_is_one_line() -> None:
    story = Story(10)
    first = story.ready()[0]
    story.answer(first, 0)
    story.answer(first, 0)
    assert not story.coordinator.reorder
    assert [answer.index for answer in story.recorded] == [0]


def test_deaths_while_loading_count_from_the_last_time_it_was_ready() -> None:
    story = Story(10, start_deaths=2)
    story.ready()
    story.die()
    story.die()
    story.ready()
    story.die()
    story.die()
    assert not story.halted
    assert story.die() == [Halt("no worker can load the model any more (SIGSEGV)")]


def test_idle_deaths_halt_exactly_when_there_are_enough_in_a_row() -> None:
    story = Story(100, idle_deaths=2)
    first = story.ready()[0]
    story.die()
    first = story.ready()[0]
    story.answer(first, first.images[0].index)
    story.die()
    assert not story.halted, "an answer came between"
    story.ready()
    story.die()
    assert story.halted


def test_deaths_with_an_image_in_hand_are_not_idle() -> None:
    story = Story(100, idle_deaths=1)
    story.ready()
    story.die(0)
    assert not story.halted


def recycled(idle_deaths: int = 20, start_deaths: int = 3) -> tuple[Story, list[Lease]]:
    """A worker that has just outgrown its bound, with two leases."""
    story = Story(100, max_rss=500, idle_deaths=idle_deaths, start_deaths=start_deaths)
    held = story.ready()
    story.answer(held[0], held[0].images[0].index, rss=400)
    story.answer(held[0], held[0].images[1].index, rss=600)
    return story, held


def test_a_worker_is_replaced_only_between_leases() -> None:
    story, held = recycled(idle_deaths=1)
    assert not any(isinstance(command, StopWorker) for command in story.last)
    assert leases(story.last) == []
    story.answer(held[1], 2, rss=700)
    story.answer(held[1], 3, rss=800)
    assert story.last[-1] == StopWorker(0)
    assert story.die() == [StartWorker(0)], "expected, so not counted as idle"


@pytest.mark.parametrize("max_rss", [0, 10_000])
def test_a_worker_that_grows_below_its_bound_stays(max_rss: int) -> None:
    story = Story(100, max_rss=max_rss)
    first, second = story.ready()
    for number, image in enumerate([*first.images, *second.images]):
        held = first if image in first.images else second
        story.answer(held, image.index, rss=1000 * (number + 1))
    assert not any(isinstance(command, StopWorker) for command in story.last)


def test_a_worker_that_is_being_replaced_counts_as_one_that_can_load() -> None:
    story = Story(100, workers=2, max_rss=500, start_deaths=1)
    first, second = story.ready()
    for number, image in enumerate([*first.images, *second.images]):
        held = first if image in first.images else second
        story.answer(held, image.index, rss=400 * (number + 1))
    assert story.last[-1] == StopWorker(0)
    story.die(worker=1)
    assert not story.halted


def test_failures_wait_for_their_verdict_while_the_worker_is_replaced() -> None:
    story = Story(100, max_rss=500, leases=1)
    (lease,) = story.ready()
    for index, rss in ((0, 400), (1, 900)):
        lost = (Answer(index, b"line", "vanished"),)
        story.tell(Answered(0, lease.lease, lost, WorkerStats(rss=rss)))
    assert story.last == [StopWorker(0)]
    story.die()
    assert story.recorded == [], "the list goes on, and may show that the mount is gone"
    (lease,) = story.ready()
    story.answer(lease, 2)
    assert [answer.failed for answer in story.recorded] == ["vanished", "vanished", None]


def test_the_next_process_is_measured_by_its_own_beginning() -> None:
    story, held = recycled()
    story.answer(held[1], 2)
    story.answer(held[1], 3)
    story.die()
    first = story.ready()[0]
    story.answer(first, first.images[0].index, rss=2000)
    assert leases(story.answer(first, first.images[1].index, rss=2100))


def test_when_a_replacement_cannot_load_the_run_halts() -> None:
    story, held = recycled(start_deaths=1)
    story.answer(held[1], 2)
    story.answer(held[1], 3)
    story.die()
    story.die()
    assert story.halted


def accused(doubtful: int = 5) -> tuple[Story, Lease]:
    """Image 0 has killed three workers; the canary is out."""
    story = Story(6, workers=2, doubtful=doubtful)
    story.ready()
    story.die(0)
    for _ in range(2):
        (solo,) = story.ready()
        assert solo.images == (ImageRef(0, "0.png"),)
        assert solo.solo
        story.die(0)
    (canary,) = story.ready()
    assert canary.images == (CANARY,)
    return story, canary


def test_the_canary_is_sent_again_when_its_worker_dies_before_it_looks() -> None:
    story, _ = accused()
    story.die()
    assert not story.halted
    (canary,) = story.ready()
    assert canary.images == (CANARY,)
    story.tell(Answered(0, canary.lease, (Answer(CANARY.index, b""),)))
    assert story.coordinator.trial.doubtful == 1


def test_one_canary_at_a_time_is_enough() -> None:
    story, _ = accused()
    assert CANARY not in [lease.images[0] for lease in story.ready(1)]


def convicted_after_a_success(doubtful: int = 5) -> Story:
    """Image 0 has succeeded; then image 1 kills its worker, in company and twice alone."""
    story = Story(20, chunk=1, doubtful=doubtful)
    story.answer(story.ready()[0], 0)
    story.die(1)
    for _ in range(2):
        (solo,) = story.ready()
        assert solo.images[0].index == 1
        story.die(1)
    return story


def test_after_a_success_two_deaths_alone_convict_without_a_canary() -> None:
    story = convicted_after_a_success()
    assert [answer.index for answer in story.recorded] == [0, 1]
    assert CANARY not in [lease.images[0] for lease in story.ready()]


def test_after_a_success_no_conviction_is_doubtful_any_more() -> None:
    """Not even the next, which the canary has to confirm because nothing succeeded in between."""
    story = convicted_after_a_success(doubtful=1)
    story.ready()
    story.die(2)
    for _ in range(2):
        story.ready()
        story.die(2)
    (canary,) = story.ready()
    assert canary.images == (CANARY,)
    story.tell(Answered(0, canary.lease, (Answer(CANARY.index, b""),)))
    assert not story.halted
    assert [answer.index for answer in story.recorded] == [0, 1, 2]


def test_a_suspect_whose_worker_dies_before_it_looks_is_tried_once_more_alone() -> None:
    story = Story(2, chunk=1)
    story.ready()
    story.die(0)
    (solo,) = story.ready()
    story.die()
    (again,) = story.ready()
    assert (again.images, again.solo) == (solo.images, True)
    story.answer(again, 0)
    assert [lease.images[0].index for lease in leases(story.last)] == [1]


def test_a_failure_is_no_success_that_would_free_convictions() -> None:
    words = set()
    for seed in range(100):
        world = World(seed=seed, total=50, poison=frozenset(range(50)) - {3}, fail=frozenset({3}))
        world.run()
        assert world.halted is not None
        assert world.lines == []
        words.add(world.halted.split(" images")[0])
    # More than the five where several verdicts come at once.
    assert min(words) == "the first 5"


@pytest.mark.parametrize("late", [True, False])
def test_growth_reported_while_leaving_does_not_stop_it_twice(late: bool) -> None:
    story = Story(100, max_rss=500)
    held = story.ready()
    story.answer(held[0], 0, rss=400)
    story.coordinator.drain()
    assert story.answer(held[0], 1, rss=900 if late else 0) != [StopWorker(0)]
    assert story.coordinator.slots[0].state == "stopping"


def test_a_machine_joins_works_and_is_lost_with_all_it_had() -> None:
    story = Story(40, workers=0)
    assert story.tell(MachineJoined(1, "node1", (0, 1))) == [StartWorker(0), StartWorker(1)]
    first, second = story.ready(0)
    assert story.tell(MachineJoined(2, "node2", (2,))) == [StartWorker(2)]
    assert story.tell(MachineLost(1, "silent for 30 s")) == []
    assert story.answer(first, 0) == [], "nobody listens to it any more"
    assert story.die(worker=1) == []
    assert [lease.images for lease in story.ready(2)] == [first.images, second.images]


@pytest.mark.parametrize(("share", "bound"), [(500, 0), (10_000, 500)])
def test_a_worker_that_outgrows_its_machine_is_replaced(share: int, bound: int) -> None:
    """Where the job sets a bound, that one counts on every machine."""
    story = Story(40, workers=0, max_rss=bound)
    story.tell(MachineJoined(1, "node1", (0,), share))
    for lease in story.ready(0):
        for rss, image in enumerate(lease.images):
            story.answer(lease, image.index, rss=400 + 200 * rss)
    assert story.last[-1] == StopWorker(0)


def test_a_machine_that_joins_a_run_that_is_stopped_is_given_nothing() -> None:
    story = Story(40)
    story.coordinator.drain()
    assert story.tell(MachineJoined(1, "node1", (1, 2))) == []
