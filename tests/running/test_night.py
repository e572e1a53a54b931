"""Which lines rest on a device that has passed no check since."""

from batchcls.messages import Checks
from batchcls.running.night import Night


def said(lowest: int, passed: int = 0, *, fails: bool = False) -> dict[str, Checks]:
    return {"GPU": Checks(lowest, passed, passed, passed, fails)}


def test_all_lines_since_the_last_check_of_any_worker_are_in_doubt() -> None:
    night = Night()
    assert night.note(0, said(10)) is None
    assert night.note(1, said(5)) is None
    assert night.note(0, said(70, 1)) is None, "passed: only what follows is in doubt"
    assert night.note(0, said(70, 1, fails=True)) == ("GPU", 5)


def test_a_worker_that_died_leaves_its_doubt_to_the_one_in_its_place() -> None:
    night = Night()
    night.note(0, said(900, 4))
    night.note(0, said(1000))  # a new one
    assert night.note(1, said(2000, fails=True)) == ("GPU", 900)
    night.note(0, said(1500, 1))
    assert night.note(1, said(2000, fails=True)) == ("GPU", 1500)


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
    assert night.told() == {"GPU": (61, 62)}
    assert night.note(1, said(5, 1, fails=True)) == ("GPU", 5)
