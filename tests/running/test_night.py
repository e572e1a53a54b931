"""Which lines rest on a device that has passed no check since."""

from batchcls.images import Failure, ImageRef
from batchcls.messages import Answer, Checks
from batchcls.results import record
from batchcls.running.night import MOST_LEFT, Night, Unchecked


def said(
    lowest: int, passed: int = 0, *, fails: bool = False, recent: tuple[int, ...] = ()
) -> dict[str, Checks]:
    return {"GPU": Checks(lowest, passed, passed, passed, fails, recent)}


def answer(index: int) -> Answer:
    return record.failure_answer(ImageRef(index, f"{index}.jpg"), Failure("bad_output", ""))


def test_all_lines_since_the_last_check_of_any_worker_are_in_doubt() -> None:
    night = Night()
    assert night.note(0, said(10)) is None
    assert night.note(1, said(5)) is None
    assert night.vouched(700) == 5
    assert night.note(0, said(70, 1)) is None, "passed: only what follows is in doubt"
    assert night.note(0, said(70, 1, fails=True)) == ("GPU", 5)


def test_what_a_dead_worker_leaves_is_not_vouched_for_by_the_one_in_its_place() -> None:
    night = Night()
    night.note(0, said(900, 4, recent=(900, 901, 905)))
    night.answered(0, [answer(index) for index in (900, 901)])
    night.ended(0)
    assert night.left == [Unchecked("GPU", 900, (answer(901).line, answer(900).line))], (
        "the last first; 905 never arrived, and is labelled again"
    )
    night.note(0, said(1000))
    night.note(0, said(1500, 1))
    assert night.note(1, said(2000, fails=True)) == ("GPU", 900)
    night.left.clear()
    assert night.note(1, said(2000, fails=True)) == ("GPU", 1500)


def test_who_ends_right_behind_a_check_leaves_nothing() -> None:
    night = Night()
    night.note(0, said(-1, 1))
    night.answered(0, [answer(1)])
    night.end()
    assert not night.left
    assert night.vouched(2) == 2


def test_what_many_dead_workers_leave_does_not_fill_the_memory() -> None:
    night = Night()
    for index in range(MOST_LEFT + 10):
        night.note(0, said(index, recent=(index,)))
        night.answered(0, [answer(index)])
        night.ended(0)
    assert [bool(one.lines) for one in night.left] == [False] * 10 + [True] * MOST_LEFT
    assert night.first("GPU") == 0


def test_other_devices_are_not_in_doubt() -> None:
    night = Night()
    night.note(0, {"CPU": Checks(1, 0, 0, 0, fails=False)})
    assert night.note(1, said(50, fails=True)) == ("GPU", 50)
    assert night.told() == {"CPU": (0, 0), "GPU": (0, 0)}


def test_what_was_compared_before_the_night_counts_too() -> None:
    night = Night()
    night.begin("GPU", 57, 58)
    night.note(0, said(10, 3))
    night.note(1, said(5, 1))
    night.ended(1)
    assert night.told() == {"GPU": (61, 62)}
    assert night.note(1, said(5, 1, fails=True)) == ("GPU", 5)
