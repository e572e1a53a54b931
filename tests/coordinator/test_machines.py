"""Single decisions about machines, each by the shortest story that calls for it."""

import pytest

from batchcls.coordinator.chunks import Chunks
from batchcls.coordinator.machines import Slot
from batchcls.coordinator.suspects import SuspectTrials
from batchcls.images import FailureKind, ImageRef
from batchcls.messages import (
    CANARY,
    Answer,
    Answered,
    Halt,
    Lease,
    MachineJoined,
    MachineLost,
    RetireMachine,
    StartWorker,
    StopWorker,
    WorkerDied,
    WorkerReady,
    WorkerRefused,
)
from tests.support.coordinator_story import Story, leases
from tests.support.world import convict


class Cluster(Story):
    """Machines from 1 on; worker 0 is machine 1's, and so on, `workers` of each."""

    def __init__(self, total: int, machines: int = 2, workers: int = 1, **policy: int) -> None:
        super().__init__(total, workers=0, listed=True, carried=frozenset(), **policy)
        self.each = workers
        for machine in range(1, machines + 1):
            self.join(machine)

    def join(self, machine: int) -> None:
        first = (machine - 1) * self.each
        workers = tuple(range(first, first + self.each))
        assert self.tell(MachineJoined(machine, f"node{machine}", workers)) == [
            StartWorker(worker) for worker in workers
        ]

    def lose(self, machine: int) -> None:
        self.tell(MachineLost(machine, "silent for 30 s"))

    def say(self, lease: Lease, kind: FailureKind | None, *indices: int) -> None:
        """All of a lease's images come to this, or only those of these indices."""
        answers = tuple(
            Answer(image.index, b"%d %d" % (image.index, lease.worker), kind)
            for image in lease.images
            if not indices or image.index in indices
        )
        self.tell(Answered(lease.worker, lease.lease, answers))

    @property
    def lines(self) -> list[bytes]:
        return [answer.line for answer in self.recorded]

    @property
    def given(self) -> list[list[int]]:
        """Images of the leases that were given last."""
        return [[image.index for image in lease.images] for lease in leases(self.last)]


def held(story: Story, worker: int) -> list[Lease]:
    """What this worker has and has not answered."""
    slot = story.coordinator.slots[worker]
    return [
        Lease(worker, lease, tuple(images.values()), solo=slot.alone is not None)
        for lease, images in slot.leases.items()
    ]


def test_what_a_lost_machine_had_is_leased_again_in_order() -> None:
    story = Cluster(400, machines=3, workers=2)
    story.ready(2)
    story.ready(1)
    story.ready(0)
    story.ready(3)
    story.lose(1)
    story.lose(2)
    assert not story.halted
    story.ready(4)
    assert story.given == [[0, 1], [2, 3]]
    story.ready(5)
    assert story.given == [[4, 5], [6, 7]]


def test_the_list_is_shared_by_the_workers_there_are() -> None:
    story = Cluster(160, machines=1, chunk=64)
    assert [len(lease.images) for lease in story.ready(0)] == [40, 30]
    story.join(2)
    assert [len(lease.images) for lease in story.ready(1)] == [12, 10]


def test_when_all_machines_are_lost_the_run_waits_for_another() -> None:
    story = Cluster(40, machines=2, idle_deaths=1)
    story.ready(0)
    story.ready(1)
    story.lose(1)
    story.lose(2)
    assert story.last == []
    assert not story.coordinator.complete
    story.join(3)
    assert [[i.index for i in lease.images] for lease in story.ready(2)] == [[0, 1], [2, 3]]


def test_a_machine_that_joins_when_all_is_done_is_given_nothing() -> None:
    story = Cluster(1, machines=1)
    (lease,) = story.ready(0)
    story.answer(lease, 0)
    assert story.tell(MachineJoined(2, "node2", (1,))) == []


def test_an_image_that_was_on_two_lost_machines_is_tried_alone() -> None:
    story = Cluster(4, machines=4, chunk=1, leases=1)
    for machine in (1, 2):
        story.ready(machine - 1)
        assert story.given == [[0]]
        story.tell(WorkerDied(99, "late"))  # of no machine: it tells nothing
        story.tell(Answered(machine - 1, 99, ()))
        story.lose(machine)
    (solo,) = story.ready(2)
    assert (solo.images[0].index, solo.solo) == (0, True)
    story.answer(solo, 0)
    assert story.lines == [b"line"]


def lost_alone(*, heard: bool, count: int) -> Cluster:
    """Image 0 has been on so many machines when they were lost."""
    story = Cluster(4, machines=6, chunk=1, leases=1)
    for machine in range(1, count + 1):
        story.ready(machine - 1)
        assert story.given == [[0]]
        if heard:
            story.tell(Answered(machine - 1, 99, ()))
        story.lose(machine)
    return story


def test_a_machine_that_is_lost_unheard_of_says_nothing_of_what_it_was_given() -> None:
    story = lost_alone(heard=False, count=5)
    (lease,) = story.ready(5)
    assert not lease.solo


def test_an_image_that_takes_down_four_machines_is_convicted_once_the_canary_lives() -> None:
    story = lost_alone(heard=True, count=4)
    (canary,) = story.ready(4)
    assert canary.images == (CANARY,)
    story.answer(canary, CANARY.index)
    story.answer(leases(story.last)[0], 1)
    assert [answer.line for answer in story.recorded] == [b"convicted 0 worker_crash", b"line"]


def test_what_three_lost_machines_had_is_only_suspicious() -> None:
    story = lost_alone(heard=True, count=3)
    (solo,) = story.ready(3)
    assert (solo.images[0].index, solo.solo) == (0, True)


def test_workers_that_die_with_their_machine_are_not_idle_deaths() -> None:
    story = Cluster(8, machines=2, workers=5, idle_deaths=2)
    for worker in range(6):
        story.ready(worker)
    story.lose(1)
    assert not story.halted
    story.die(worker=5)
    assert not story.halted


def test_idle_deaths_are_counted_by_machine_and_retire_it() -> None:
    story = Cluster(40, machines=2, idle_deaths=2)
    first = story.ready(0)[0]
    story.ready(1)
    story.die(worker=1)
    story.answer(first, 0)
    story.ready(1)
    assert [type(command) for command in story.die(worker=1)] == [RetireMachine]
    assert story.die(worker=0) == [StartWorker(0)]
    story.ready(0)
    assert [type(command) for command in story.die(worker=0)] == [Halt], "it is the last"


def test_a_machine_where_none_loads_the_model_is_retired_after_one_start_each() -> None:
    story = Cluster(40, machines=2, workers=2)
    story.ready(0)
    assert story.die(worker=2) == []
    assert story.die(worker=3) == [RetireMachine(2, "no worker could load the model (SIGSEGV)")]
    assert story.die(worker=3) == []


def test_a_machine_that_refuses_the_job_is_retired_while_another_is_there() -> None:
    story = Cluster(40, machines=2)
    story.ready(0)
    refused = WorkerRefused(1, "DeviceError", "no GPU")
    assert story.tell(refused) == [RetireMachine(2, "no GPU")]
    assert story.tell(WorkerRefused(0, "DeviceError", "no GPU")) == [Halt("no GPU")]


def test_the_second_trial_is_on_another_machine() -> None:
    story = Cluster(8, machines=2)
    story.ready(0)
    story.ready(1)
    story.die(0, worker=0)
    (solo,) = story.ready(0)
    assert (solo.images[0].index, solo.solo) == (0, True)
    story.die(0, worker=0)
    assert not any(lease.solo for lease in story.ready(0))
    story.die(worker=1)  # of none of its images
    (solo,) = story.ready(1)
    assert (solo.images[0].index, solo.solo) == (0, True)


def accused() -> Cluster:
    """Image 0 has died alone on machine 1 and then on machine 2, where nothing has succeeded."""
    story = Cluster(8, machines=3, chunk=1, leases=1)
    story.ready(0)
    story.die(0, worker=0)
    story.ready(0)
    story.die(0, worker=0)
    story.ready(1)
    story.die(0, worker=1)
    return story


def test_the_canary_goes_to_the_machine_of_the_death() -> None:
    story = accused()
    assert story.ready(2)[0].images != (CANARY,)
    assert story.ready(0)[0].images != (CANARY,)
    assert story.ready(1)[0].images == (CANARY,)


def test_a_success_elsewhere_does_not_convict() -> None:
    story = Cluster(80, machines=3, chunk=1, leases=1)
    story.answer(story.ready(2)[0], 0)
    story.ready(0)
    story.die(2, worker=0)
    story.ready(0)
    story.die(2, worker=0)
    (solo,) = story.ready(1)
    assert (solo.images[0].index, solo.solo) == (2, True)
    story.die(2, worker=1)
    assert story.ready(1)[0].images == (CANARY,)


def test_where_the_canary_dies_the_machine_is_retired_and_the_image_tried_anew() -> None:
    story = accused()
    story.ready(1)
    (retired,) = [c for c in story.die(CANARY.index, worker=1) if isinstance(c, RetireMachine)]
    assert retired.machine == 2
    assert "test image" in retired.reason
    (solo,) = story.ready(2)
    assert (solo.images[0].index, solo.solo) == (0, True)
    story.answer(solo, 0)
    assert story.lines == [b"line"]
    assert not story.coordinator.trial.remembered


def test_where_the_machine_of_the_death_is_lost_its_deaths_are_forgotten() -> None:
    story = accused()
    story.lose(2)
    (solo,) = story.ready(2)
    assert (solo.images[0].index, solo.solo) == (0, True)


def test_a_machine_whose_workers_die_of_what_others_label_is_retired() -> None:
    story = Cluster(80, machines=2, chunk=1, leases=1, doubtful=2)
    (theirs,) = story.ready(1)
    for _ in range(2):
        (mine,) = story.ready(0)
        index = mine.images[0].index
        story.die(index, worker=0)
        story.ready(0)
        story.die(index, worker=0)
        story.say(theirs, None)
        (solo,) = leases(story.last)
        assert (solo.images[0].index, solo.solo, solo.worker) == (index, True, 1)
        story.say(solo, None)
        theirs = next(lease for lease in leases(story.last) if lease.worker == 1)
    (retired,) = [command for command in story.last if isinstance(command, RetireMachine)]
    assert retired.machine == 1
    assert retired.reason.startswith("2 images in a row crashed or hung its workers")


# ---- failures that the machine may cause


def test_a_failure_counts_when_another_machine_says_the_same() -> None:
    story = Cluster(40, machines=2, leases=1)
    mine, theirs = story.ready(0)[0], story.ready(1)[0]
    story.say(mine, "vanished")
    assert story.lines == []
    assert story.given == [[4, 5]], "not asked again itself"
    story.say(theirs, None)
    assert story.given == [[0, 1]]
    (asked,) = leases(story.last)
    story.say(asked, "vanished")
    assert story.lines == [], "it may have become as blind as the first"
    story.say(next(lease for lease in leases(story.last) if lease.worker == 1), None)
    assert story.lines[:4] == [b"0 1", b"1 1", b"2 1", b"3 1"]


def test_what_another_machine_labels_is_labelled() -> None:
    story = Cluster(40, machines=2, leases=1)
    mine, theirs = story.ready(0)[0], story.ready(1)[0]
    story.say(mine, "io_error")
    story.say(theirs, None)
    story.say(leases(story.last)[0], None)
    assert story.lines == [b"0 1", b"1 1", b"2 1", b"3 1"]


def test_another_failure_on_another_machine_counts_too() -> None:
    story = Cluster(40, machines=2, leases=1)
    mine, theirs = story.ready(0)[0], story.ready(1)[0]
    story.say(mine, "io_error")
    story.say(theirs, None)
    story.say(leases(story.last)[0], "corrupt")
    assert [answer.failed for answer in story.recorded] == ["corrupt", "corrupt", None, None]


def test_a_file_that_one_machine_sees_changed_is_looked_at_by_another() -> None:
    story = Cluster(40, machines=2, leases=1)
    mine, theirs = story.ready(0)[0], story.ready(1)[0]
    story.say(mine, "changed")
    story.say(theirs, None)
    story.say(leases(story.last)[0], None)
    assert [answer.failed for answer in story.recorded] == [None] * 4


def test_where_kinds_differ_a_third_machine_is_asked_and_then_the_last_word_counts() -> None:
    story = Cluster(400, machines=3, leases=1, chunk=1)
    first, second, third = (story.ready(n)[0] for n in range(3))
    story.say(first, "vanished")
    mine = leases(story.last)[0]
    story.say(second, None)
    story.say(leases(story.last)[0], "denied")
    theirs = leases(story.last)[0]
    assert story.lines == []
    story.say(third, None)
    assert story.given == [[0]]
    story.say(leases(story.last)[0], "io_error")
    assert story.lines == []
    story.say(mine, None)
    story.say(theirs, None)
    assert story.lines == []
    story.say(leases(story.last)[0], None)
    fourth = story.coordinator.slots[2]
    (lease,) = fourth.leases
    index = next(iter(fourth.leases[lease]))
    story.tell(Answered(2, lease, (Answer(index, b"line"),)))
    assert story.recorded[0].failed == "io_error"


def test_two_that_agree_are_believed_only_when_one_is_known_to_be_well() -> None:
    story = Cluster(400, machines=2, leases=1)
    story.say(story.ready(0)[0], "vanished")
    mine = leases(story.last)[0]
    story.ready(1)
    assert story.given == [[0, 1]]
    story.say(leases(story.last)[0], "vanished")
    theirs = leases(story.last)[0]
    assert story.lines == []
    story.say(mine, None)
    assert [answer.failed for answer in story.recorded] == ["vanished", "vanished", None, None]
    assert theirs.images[0].index == 4


def test_with_one_machine_left_its_word_counts_when_it_is_well() -> None:
    story = Cluster(400, machines=2, leases=1)
    story.say(story.ready(0)[0], "vanished")
    mine = leases(story.last)[0]
    story.lose(2)
    assert story.lines == []
    story.say(mine, None)
    assert [answer.failed for answer in story.recorded] == ["vanished", "vanished", None, None]


def test_what_a_lost_machine_said_before_it_was_known_to_be_well_is_forgotten() -> None:
    story = Cluster(400, machines=2, leases=1)
    story.say(story.ready(0)[0], "vanished")
    story.lose(1)
    story.ready(1)
    assert story.given == [[0, 1]]
    story.say(leases(story.last)[0], None)
    assert story.given == [[2, 3]]
    story.say(leases(story.last)[0], None)
    assert [answer.failed for answer in story.recorded] == [None] * 4


def lying(limit: int = 8, machines: int = 2) -> Cluster:
    """Machine 1 sees no image, fails `limit` of them, and is given nothing more."""
    story = Cluster(400, machines=machines, leases=1, systemic=limit)
    (lease,) = story.ready(0)
    while True:
        story.say(lease, "vanished")
        if not (given := [x for x in leases(story.last) if x.worker == 0]):
            return story
        (lease,) = given


def test_a_machine_that_fails_all_is_given_nothing_until_others_have_spoken() -> None:
    story = lying()
    assert story.last == []
    assert not story.halted
    story.ready(1)
    assert story.given == [[0, 1]]


def test_a_machine_that_others_contradict_is_retired_and_what_it_said_is_never_recorded() -> None:
    story = lying()
    (lease,) = story.ready(1)
    for _ in range(2):
        story.say(lease, None)
        lease = next(x for x in leases(story.last) if x.worker == 1)
    (retired,) = [c for c in story.last if isinstance(c, RetireMachine)]
    assert retired == RetireMachine(
        1, "its last 8 images all failed (vanished), and 4 of them did not on other machines"
    )
    for _ in range(2):
        story.say(lease, None)
        lease = next(x for x in leases(story.last) if x.worker == 1)
    assert [answer.failed for answer in story.recorded] == [None] * 8
    assert lease.images[0].index == 8


def test_a_machine_that_others_confirm_goes_on() -> None:
    story = lying()
    (lease,) = story.ready(1)
    story.say(lease, "vanished")
    other = next(x for x in leases(story.last) if x.worker == 1)
    story.say(other, "corrupt")  # it is well
    assert [answer.failed for answer in story.recorded[:2]] == ["vanished"] * 2
    assert any(x.worker == 0 for x in leases(story.last))
    assert not any(isinstance(command, RetireMachine) for command in story.last)


def test_where_all_machines_fail_all_the_run_halts() -> None:
    story = lying(limit=4)
    (lease,) = story.ready(1)
    while not story.halted:
        story.say(lease, "vanished")
        lease = next(iter(leases(story.last)), lease)
    assert story.lines == []
    assert "on all 2 machines (vanished)" in next(
        command.reason for command in story.last if isinstance(command, Halt)
    )


def test_a_tolerant_run_believes_machines_that_fail_all() -> None:
    story = Cluster(12, machines=2, leases=1, systemic=4, tolerant=True)
    story.ready(0)
    story.ready(1)
    held = list(story.coordinator.slots.items())
    for _ in range(200):
        for number, slot in held:
            for lease, images in list(slot.leases.items()):
                answers = tuple(Answer(i, b"gone", "vanished") for i in images)
                story.tell(Answered(number, lease, answers))
    assert story.lines == [b"gone"] * 12


def test_an_image_in_doubt_comes_back_and_is_asked_about_again() -> None:
    story = Cluster(400, machines=3, leases=1)
    story.say(story.ready(0)[0], "vanished")
    story.ready(1)
    assert story.given == [[0, 1]]
    story.die(worker=1)
    story.ready(2)
    assert story.given == [[0, 1]]


def test_the_last_images_of_a_run_are_believed_in_the_end() -> None:
    story = Cluster(2, machines=1, leases=1, chunk=1)
    (lease,) = story.ready(0)
    story.say(lease, "vanished")
    story.say(leases(story.last)[0], "vanished")
    assert story.lines == [b"0 0", b"1 0"]
    assert story.last[-1] == StopWorker(0)


def test_at_the_end_all_machines_are_asked_before_two_are_believed_that_see_nothing() -> None:
    story = Cluster(1, machines=3, leases=1)
    story.say(story.ready(0)[0], "vanished")
    story.ready(1)
    story.say(leases(story.last)[0], "vanished")
    assert story.lines == []
    story.tell(WorkerReady(2, {}))
    assert story.given == [[0]]
    story.say(leases(story.last)[0], None)
    assert story.lines == [b"0 2"]


@pytest.mark.parametrize("worker", [0, 1])
def test_late_answers_of_a_machine_that_is_gone_are_dropped(worker: int) -> None:
    story = Cluster(40, machines=2, workers=2)
    held = story.ready(worker)
    story.ready(2)
    story.lose(1)
    story.say(held[0], None)
    story.tell(WorkerReady(worker, {}), WorkerDied(worker, "late"))
    assert story.last == []
    assert story.lines == []
    assert not story.coordinator.complete


def test_a_run_ends_though_a_machine_was_lost_with_leases() -> None:
    story = Cluster(2, machines=2, chunk=1, leases=1)
    (first,) = story.ready(0)
    story.ready(1)
    assert not story.coordinator.complete
    story.lose(2)
    story.say(first, None)
    assert not story.coordinator.complete, "the other image is leased"
    story.say(leases(story.last)[0], None)
    assert story.last[-1] == StopWorker(0)
    assert story.coordinator.complete


def test_what_a_retired_machine_had_is_no_loss() -> None:
    story = Cluster(4, machines=4, chunk=1, leases=1)
    for machine in (1, 2):
        story.ready(machine - 1)
        assert story.given == [[0]]
        story.tell(Answered(machine - 1, 99, ()))
        story.tell(WorkerRefused(machine - 1, "DeviceError", "no GPU"))
    (lease,) = story.ready(2)
    assert not lease.solo
    assert not story.coordinator.remembered


def test_whether_a_machine_can_be_spared() -> None:
    story = Cluster(40, machines=2)
    assert not story.coordinator.loaded_besides(1)
    story.ready(0)
    assert not story.coordinator.loaded_besides(1), "the other may fail to load"
    assert story.coordinator.loaded_besides(2)


def test_a_machine_that_is_contradicted_stays_where_it_is_the_last() -> None:
    story = Cluster(400, machines=2, leases=1, systemic=2)
    mine, theirs = story.ready(0)[0], story.ready(1)[0]
    story.say(mine, "vanished", 0)
    story.say(theirs, None)
    (asked,) = [lease for lease in leases(story.last) if lease.worker == 1]
    story.coordinator.handle(Answered(1, asked.lease, (Answer(0, b"line"),)))
    story.lose(2)
    assert not story.halted
    assert not any(isinstance(command, RetireMachine) for command in story.last)


def test_a_machine_that_was_contradicted_and_is_gone_needs_no_retiring() -> None:
    story = Cluster(400, machines=3, leases=1, systemic=2)
    mine, theirs = story.ready(0)[0], story.ready(1)[0]
    story.say(mine, "vanished", 0)
    story.say(theirs, None)
    (asked,) = [lease for lease in leases(story.last) if lease.worker == 1]
    story.coordinator.handle(Answered(1, asked.lease, (Answer(0, b"line"),)))
    story.coordinator.handle(MachineLost(1, "silent for 30 s"))
    assert not any(isinstance(command, RetireMachine) for command in story.coordinator.advance())


def test_at_the_end_none_is_waited_for_that_still_starts() -> None:
    story = Cluster(1, machines=1, workers=2)
    story.say(story.ready(0)[0], "vanished")
    assert story.lines == [b"0 0"]


def test_at_the_end_a_machine_without_work_is_asked() -> None:
    story = Cluster(1, machines=3, leases=1)
    story.say(story.ready(0)[0], "vanished")
    story.ready(1)
    asked = leases(story.last)[0]
    story.ready(2)
    story.say(asked, "vanished")
    assert story.given == [[0]]
    assert story.lines == []


def test_what_one_was_asked_about_is_settled_when_it_is_lost() -> None:
    story = Cluster(400, machines=2, leases=1)
    story.say(story.ready(0)[0], "vanished")
    mine = leases(story.last)[0]
    story.ready(1)
    story.say(mine, None)
    assert story.lines == []
    story.lose(2)
    assert [answer.failed for answer in story.recorded] == ["vanished", "vanished", None, None]


def test_an_image_in_doubt_does_not_go_back_to_who_doubted() -> None:
    story = Cluster(400, machines=3, leases=1)
    story.say(story.ready(0)[0], "vanished")
    mine = leases(story.last)[0]
    story.ready(1)
    story.die(worker=1)
    story.say(mine, None)
    assert story.given == [[4, 5]]


def test_what_a_lost_machine_said_is_done_again_in_order() -> None:
    story = Cluster(400, machines=2, leases=1, chunk=4)
    (lease,) = story.ready(0)
    for index in (2, 1, 3, 0):
        story.say(lease, "vanished", index)
    story.lose(1)
    story.ready(1)
    assert story.given == [[0, 1, 2, 3]]


def test_an_image_that_is_asked_about_is_not_leased_twice_when_the_doubter_is_lost() -> None:
    story = Cluster(400, machines=3, leases=1)
    story.say(story.ready(0)[0], "vanished")
    story.ready(1)
    assert story.given == [[0, 1]]
    story.lose(1)
    story.ready(2)
    assert story.given == [[2, 3]]


def test_each_machine_has_its_turn_and_a_call_gives_few_leases() -> None:
    story = Cluster(400, machines=2, workers=4, chunk=1)
    for worker in range(8):
        story.coordinator.handle(WorkerReady(worker, {}))
    first, second = story.coordinator.advance(), story.coordinator.advance()
    assert [len(leases(commands)) for commands in (first, second)] == [4, 4]
    machines = [{lease.worker // 4 for lease in leases(commands)} for commands in (first, second)]
    assert machines[0] != machines[1]


def test_who_has_nothing_to_do_comes_first() -> None:
    story = Cluster(3, machines=1, workers=2, chunk=1)
    story.ready(0)
    assert story.given == [[0], [1]]
    (lease,) = story.ready(1)
    assert lease.images[0].index == 2
    story = Cluster(400, machines=1, workers=2, chunk=1)
    held = story.ready(0)
    story.coordinator.handle(WorkerReady(1, {}))
    story.coordinator.handle(Answered(0, held[0].lease, (Answer(0, b"line"),)))
    assert leases(story.coordinator.advance())[0].worker == 1


def test_a_loss_counts_against_an_image_alone_only_from_the_third_on() -> None:
    story = Cluster(40, machines=6, chunk=1, leases=1)
    story.ready(0)
    story.die(0, worker=0)
    for worker in (0, 1, 2):
        (solo,) = story.ready(worker)
        assert (solo.images[0].index, solo.solo) == (0, True)
        story.tell(Answered(worker, 99, ()))
        story.lose(worker + 1)
    (solo,) = story.ready(3)
    assert (solo.images[0].index, solo.solo) == (0, True)


def test_a_success_between_shows_that_a_machine_is_not_sick() -> None:
    story = Cluster(80, machines=2, chunk=1, leases=1, doubtful=2)
    (theirs,) = story.ready(1)
    for _ in range(3):
        (mine,) = story.ready(0)
        index = mine.images[0].index
        story.die(index, worker=0)
        story.ready(0)
        story.die(index, worker=0)
        story.say(theirs, None)
        story.say(leases(story.last)[0], None)
        theirs = next(lease for lease in leases(story.last) if lease.worker == 1)
        story.say(story.ready(0)[0], None)
        story.die(worker=0)
    assert not any(isinstance(command, RetireMachine) for command in story.last)


def test_a_machine_alone_is_no_witness_against_itself() -> None:
    story = Cluster(80, machines=1, chunk=1, leases=1, doubtful=1)
    story.ready(0)
    story.die(0, worker=0)
    story.ready(0)
    story.die(0, worker=0)
    (solo,) = story.ready(0)
    story.answer(solo, 0, failed=True)
    assert story.tell(MachineJoined(2, "node2", (1,))) == [StartWorker(1)]


def test_where_the_first_machine_cannot_load_the_next_may() -> None:
    story = Cluster(40, machines=1, workers=2)
    assert story.die(worker=0) == []
    assert story.die(worker=1) == [RetireMachine(1, "no worker could load the model (SIGSEGV)")]
    story.join(2)
    assert story.ready(2)


def tried_on_one() -> Cluster:
    """Image 2 killed a worker of machine 1 alone; machine 2's only worker holds images 0 and 1."""
    story = Cluster(400, machines=2, chunk=1)
    story.ready(1)
    story.ready(0)
    story.die(2, worker=0)
    assert story.ready(0)[0].solo
    story.die(2, worker=0)
    return story


def test_a_worker_is_let_run_dry_for_a_trial_that_only_its_machine_can_do() -> None:
    story = tried_on_one()
    first, second = held(story, 1)
    story.say(first, None)
    assert story.given == [], "or it would never be free"
    story.say(second, None)
    (solo,) = leases(story.last)
    assert (solo.worker, solo.images[0].index, solo.solo) == (1, 2, True)
    story.say(solo, None)
    assert len(story.given) == 2, "nothing is to be tried any more"


def test_others_go_on_while_a_worker_comes_that_will_do_the_trials() -> None:
    story = Cluster(400, machines=1, workers=2, chunk=1)
    story.ready(0)
    story.ready(1)
    story.die(0, 1, worker=0)
    story.say(held(story, 1)[0], None)
    assert len(story.given) == 1, "its worker starts"
    assert story.ready(0)[0].solo
    story.say(held(story, 1)[0], None)
    assert len(story.given) == 1, "it is trying one of them, then the other"


def test_what_two_lost_machines_had_is_tried_by_a_busy_one() -> None:
    story = Cluster(400, machines=3, chunk=1)
    story.ready(2)
    lost = held(story, 2)
    for machine in (1, 2):
        story.ready(machine - 1)
        assert story.given == [[2], [3]]
        story.tell(Answered(machine - 1, 99, ()))
        story.lose(machine)
    story.say(lost[0], None)
    assert story.given == []
    story.say(lost[1], None)
    (solo,) = leases(story.last)
    assert (solo.images[0].index, solo.solo) == (2, True)


def test_a_death_on_a_machine_that_was_lost_counts_no_more_while_its_image_is_tried() -> None:
    story = tried_on_one()
    for lease in held(story, 1):
        story.say(lease, None)
    story.lose(1)
    story.die(2, worker=1)
    (solo,) = story.ready(1)
    assert (solo.images[0].index, solo.solo) == (2, True), "not a second death, but the first"


def test_a_canary_speaks_for_its_machine_alone() -> None:
    trial = SuspectTrials(convict, solo_deaths=1, most_acquitted=5, tolerant=True)
    for index, machine in ((0, 1), (1, 2)):
        image = ImageRef(index, f"{index}.png")
        assert trial.died_alone(image, WorkerDied(index, "SIGSEGV"), machine) == []

    def next_alone(machine: int) -> ImageRef | None:
        return trial.next_alone(machine, {1, 2}, lambda machine, index: True)

    assert (next_alone(2), next_alone(1), next_alone(2)) == (None, CANARY, None)
    assert [verdict.index for verdict in trial.canary_lived()] == [0]
    assert (next_alone(1), next_alone(2)) == (None, CANARY)
    assert [verdict.index for verdict in trial.canary_lived()] == [1]
    assert not trial.open


def test_deaths_on_a_lost_machine_do_not_count_later() -> None:
    story = accused()
    story.lose(2)
    story.ready(2)
    story.die(0, worker=2)
    (solo,) = story.ready(0)
    assert (solo.images[0].index, solo.solo) == (0, True), "one death is not enough"


def test_an_image_that_died_on_a_lost_machine_is_tried_once() -> None:
    story = Cluster(80, machines=3, chunk=1, leases=1)
    story.ready(0)
    story.die(0, worker=0)
    story.ready(0)
    story.die(0, worker=0)
    story.lose(1)
    (solo,) = story.ready(1)
    assert solo.solo
    (other,) = story.ready(2)
    assert not other.solo


def test_contradictions_count_in_a_row() -> None:
    story = Cluster(400, machines=2, leases=1, chunk=1, systemic=4)
    (theirs,) = story.ready(1)
    (mine,) = story.ready(0)
    for _ in range(4):
        story.say(mine, "vanished")
        mine = leases(story.last)[0]
        story.say(theirs, None)
        (asked,) = leases(story.last)
        story.say(asked, None)
        (theirs,) = leases(story.last)
        story.say(mine, None)
        (mine,) = leases(story.last)
    assert len(story.coordinator.machines) == 2


def test_without_a_limit_of_failures_in_a_row_each_word_counts() -> None:
    story = Cluster(8, machines=1, leases=1, chunk=2, systemic=0)
    (lease,) = story.ready(0)
    story.say(lease, "vanished", 0)
    assert story.lines == [b"0 0"]


def test_what_one_machine_could_not_see_is_asked_of_the_next_that_joins() -> None:
    story = Cluster(400, machines=1, leases=1, systemic=9)
    story.say(story.ready(0)[0], "vanished")
    story.join(2)
    story.ready(1)
    assert story.given == [[0, 1]]


@pytest.mark.parametrize("machines", [1, 2])
def test_a_tolerant_run_believes_a_machine_at_once_only_where_it_is_the_only_one(
    machines: int,
) -> None:
    story = Cluster(40, machines=machines, leases=1, chunk=1, tolerant=True)
    story.say(story.ready(0)[0], "vanished")
    assert story.lines == ([b"0 0"] if machines == 1 else [])
    if machines == 2:
        story.ready(1)
        story.say(leases(story.last)[0], "vanished")
        assert story.lines == [], "neither has seen anything"


def test_of_two_that_see_nothing_and_pause_a_third_is_asked() -> None:
    story = Cluster(400, machines=3, leases=1, chunk=1, systemic=2)
    first, second = story.ready(0)[0], None
    story.ready(1)
    second = leases(story.last)[0]
    story.say(first, "vanished")
    story.say(second, "vanished")
    while not all(story.coordinator.slots[n].leases == {} for n in (0, 1)):
        for worker in (0, 1):
            for lease, images in list(story.coordinator.slots[worker].leases.items()):
                lost = tuple(Answer(index, b"lie", "vanished") for index in images)
                story.tell(Answered(worker, lease, lost))
    story.ready(2)
    for _ in range(8):
        for lease, images in list(story.coordinator.slots[2].leases.items()):
            story.tell(Answered(2, lease, tuple(Answer(i, b"line") for i in images)))
    assert story.recorded
    assert b"lie" not in story.lines


def deadly_elsewhere() -> tuple[Cluster, Lease]:
    """Machine 1 says that image 0 vanished, and is well; on machine 2 it kills a worker alone."""
    story = Cluster(400, machines=2, leases=1, chunk=1)
    story.say(story.ready(0)[0], "vanished")
    story.say(leases(story.last)[0], None)
    mine = leases(story.last)[0]
    story.ready(1)
    assert story.given == [[0]]
    story.die(0, worker=1)
    assert story.ready(1)[0].solo
    story.die(0, worker=1)
    return story, mine


def test_a_machine_where_an_image_killed_is_not_asked_again() -> None:
    story, mine = deadly_elsewhere()
    story.say(mine, None)
    (solo,) = leases(story.last)
    assert (solo.images[0].index, solo.solo, solo.worker) == (0, True, 0)
    story.say(solo, "vanished")
    story.say(leases(story.last)[0], None)
    assert story.recorded[0].failed == "vanished"


def test_a_conviction_ends_a_doubt() -> None:
    story, _ = deadly_elsewhere()
    story.lose(1)
    assert story.ready(1)[0].solo
    story.die(0, worker=1)
    (canary,) = story.ready(1)
    assert canary.images == (CANARY,)
    story.answer(canary, CANARY.index)
    assert story.lines[0] == b"convicted 0 worker_crash"
    assert not story.coordinator.remembered


def test_a_chunk_of_nothing_is_none() -> None:
    chunks = Chunks(4)
    chunks.give_back([(), (ImageRef(3, "3.png"),), ()])
    assert [chunks.returned(), chunks.returned()] == [(ImageRef(3, "3.png"),), ()]


def test_a_worker_may_hold_more_leases_where_few_of_their_images_are_still_on_their_way() -> None:
    def slot(leases: int, images: int, path: str) -> Slot:
        refs = [{n: ImageRef(n, path) for n in range(images)} for _ in range(leases)]
        return Slot(leases=dict(enumerate(refs)))

    assert slot(1, 64, "a.jpg").may_have_more(2)
    assert not slot(2, 1, "a.jpg").may_have_more(2)
    assert slot(60, 1, "http://a/b.jpg").may_have_more(2), "one slow image each"
    assert slot(3, 64, "s3://a/b.tar//c.jpg").may_have_more(2)
    assert not slot(4, 64, "http://a/b.jpg").may_have_more(2)
