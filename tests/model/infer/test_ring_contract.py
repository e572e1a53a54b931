"""What the pipeline asks of a ring holds for the real one and for the tests' fake."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from batchcls.worker.interfaces import Finished, Ring
from tests.support import tiny_models as tiny
from tests.support.fakes import FakeRing

pytestmark = pytest.mark.runs

SIZE = 8
"""Width and height of the input of `tiny.colour_model`."""

Make = Callable[[int, int], Ring]


@pytest.fixture(params=["fake", "real"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """Makes a ring of so many requests of so many images."""

    def fake(nireq: int, batch_size: int) -> Ring:
        return FakeRing("D", nireq, batch_size)

    def real(nireq: int, batch_size: int) -> Ring:
        from batchcls.job.job import Job
        from batchcls.job.threads import Threads
        from batchcls.model.infer.classifier import Classifier

        path = tiny.save(tiny.colour_model(), tmp_path / "m.xml")
        threads = Threads(nthreads=1, nstreams="1", nireq=nireq, batch_size=batch_size)
        ring: Ring = Classifier.open(Job(model=str(path)), threads).rings[0]
        return ring

    return fake if request.param == "fake" else real


def image(ring: Ring, number: int) -> Any:
    """The model's input; its scores differ by number."""
    if isinstance(ring, FakeRing):
        return np.array([number], np.float32)
    return np.full((SIZE, SIZE, 3), number, np.uint8)


def scores_alone(ring: Ring, number: int) -> list[float]:
    ring.start([number], [image(ring, number)])
    found = waited(ring)
    return [float(score) for score in found.scores[0]]


def waited(ring: Ring) -> Finished:
    for _ in range(200):
        if (found := ring.wait(0.1)) is not None:
            return found
    raise AssertionError("never completed")


def polled(ring: Ring) -> list[Finished]:
    """All that is started, by polling."""
    found: list[Finished] = []
    until = time.monotonic() + 20
    while ring.in_flight and time.monotonic() < until:
        if (one := ring.poll()) is not None:
            found.append(one)
    return found


def tags(found: Sequence[Finished]) -> list[Any]:
    return [tag for one in found for tag in one.tags]


def test_requests_come_back_in_the_order_in_which_they_were_started(make: Make) -> None:
    ring = make(3, 1)
    assert (ring.nireq, ring.batch_size, ring.in_flight, ring.has_free) == (3, 1, 0, True)
    alone = [scores_alone(ring, number) for number in (40, 80, 120)]
    for number in (40, 80, 120):
        ring.start([number], [image(ring, number)])
    assert (ring.in_flight, ring.has_free) == (3, False)
    found = polled(ring)
    assert tags(found) == [40, 80, 120]
    assert [[float(s) for s in one.scores[0]] for one in found] == alone
    assert all(one.error is None and one.latency_s >= 0 for one in found)


def test_nothing_started_is_nothing_to_wait_for(make: Make) -> None:
    ring = make(2, 1)
    assert ring.poll() is None
    assert ring.wait(0.0) is None
    ring.wait_all(0.0)


def test_after_waiting_for_all_each_is_there_at_once(make: Make) -> None:
    ring = make(4, 1)
    for turn in range(3):
        for number in range(4):
            ring.start([(turn, number)], [image(ring, 50 * number)])
        ring.wait_all(20.0)
        assert ring.in_flight == 4, "waiting hands nothing back"
        found = [ring.poll() for _ in range(4)]
        assert tags([one for one in found if one is not None]) == [(turn, n) for n in range(4)]
        assert ring.in_flight == 0


def test_a_short_batch_has_no_more_scores_than_images(make: Make) -> None:
    ring = make(1, 4)
    alone = [scores_alone(ring, number) for number in (40, 80, 120)]
    ring.start([1, 2, 3], [image(ring, number) for number in (40, 80, 120)])
    found = waited(ring)
    assert tags([found]) == [1, 2, 3]
    assert [[float(s) for s in row] for row in found.scores] == alone


def test_the_images_may_change_once_they_are_started(make: Make) -> None:
    ring = make(1, 1)
    alone = scores_alone(ring, 40)
    one = image(ring, 40)
    ring.start(["a"], [one])
    one[:] = 200
    assert [float(s) for s in waited(ring).scores[0]] == alone


def test_images_made_in_their_places_are_answered_as_others(make: Make) -> None:
    ring = make(3, 2)
    numbers = (40, 80, 120, 160, 200, 240)
    alone = [scores_alone(ring, number) for number in numbers]
    for turn in range(2):
        made = []
        for ahead, number in enumerate(numbers):
            row = ring.input_row(ahead)
            assert row is not None
            row[...] = image(ring, number)
            made.append(row)
        assert ring.input_row(6) is None, "there are no more requests"
        for first in (0, 2, 4):
            ring.start([(turn, first), (turn, first + 1)], made[first : first + 2])
        assert ring.input_row(0) is None, "all are running"
        found = polled(ring)
        scores = [[float(s) for s in its] for one in found for its in one.scores]
        assert scores == alone


def test_an_image_made_in_anothers_place_is_copied(make: Make) -> None:
    """An image before it failed, so it is started earlier than was thought."""
    ring = make(2, 1)
    alone = scores_alone(ring, 80)
    row = ring.input_row(1)
    assert row is not None
    row[...] = image(ring, 80)
    ring.start(["early"], [row])
    assert [float(s) for s in waited(ring).scores[0]] == alone


def test_the_first_request_is_used_again_when_nothing_runs(make: Make) -> None:
    ring = make(3, 1)
    first, second = ring.input_row(0), ring.input_row(1)
    assert first is not None
    assert second is not None
    first[...] = image(ring, 40)
    ring.start(["a"], [first])
    assert ring.input_row(0) is second, "the first one is running"
    waited(ring)
    assert ring.input_row(0) is first
