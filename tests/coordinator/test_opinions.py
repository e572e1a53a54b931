"""What machines say of failing images, asked of the object itself."""

from batchcls.coordinator.opinions import Opinions
from batchcls.images import ImageRef
from batchcls.messages import Answer

LIMIT = 2


def image(index: int) -> ImageRef:
    return ImageRef(index, f"{index}.jpg")


def failure(index: int) -> Answer:
    return Answer(index, b"{}", "io_error")


def test_a_third_is_asked_where_one_of_two_that_agree_pauses() -> None:
    opinions = Opinions(LIMIT, tolerant=True)
    for machine in range(3):
        opinions.join(machine)
    for index in range(LIMIT):
        opinions.failed(0, image(index), failure(index))
    assert opinions.paused(0)
    assert image(0) in opinions.ask(1, 1)
    opinions.failed(1, image(0), failure(0))
    assert not opinions.paused(1)
    assert image(0) in opinions.ask(2, 4)


def test_no_third_is_asked_where_two_that_agree_work_on() -> None:
    opinions = Opinions(LIMIT + 1, tolerant=True)
    for machine in range(3):
        opinions.join(machine)
    opinions.failed(0, image(0), failure(0))
    assert image(0) in opinions.ask(1, 1)
    opinions.failed(1, image(0), failure(0))
    assert not opinions.ask(2, 4)
