"""What is decided over lines that no check has passed, and which ones are looked at."""

from itertools import pairwise
from pathlib import Path

import pytest

from batchcls.running.last_look import BLOCKS, blocks, places_of_blocks, verdict
from batchcls.running.listed_work import images_of
from batchcls.running.night import Unchecked
from batchcls.sources.inputs import InputsReader

ONE, OTHER = Unchecked("GPU", 10, (b"1",)), Unchecked("GPU", 20, (b"2",))
SAME, OTHERWISE, UNCLEAR = (0.9, True), (0.9, False), (0.01, False)


def test_a_few_clear_lines_that_agree_are_enough() -> None:
    assert verdict([ONE], [[UNCLEAR, SAME]], 98).passed == (ONE,)


def test_one_slip_among_many_is_forgiven() -> None:
    assert verdict([ONE], [[OTHERWISE, *[SAME] * 31]], 98).passed == (ONE,)


def test_lines_that_are_otherwise_condemn_the_device_and_not_what_passed() -> None:
    found = verdict([ONE, OTHER], [[SAME] * 4, [OTHERWISE] * 32], 98)
    assert found.fails == "GPU"
    assert found.passed == (ONE,)
    assert not verdict([ONE], [[OTHERWISE] * 32], 0).fails, "who knows may go on"


def test_processes_with_too_few_lines_each_are_judged_together() -> None:
    few = [OTHERWISE] * 10
    assert not verdict([ONE], [few], 98).fails
    assert verdict([ONE, OTHER], [few, few], 98).fails == "GPU"


@pytest.mark.parametrize("pairs", [[], [UNCLEAR] * 32, [OTHERWISE] * 3])
def test_what_cannot_be_judged_stays_open(pairs: list[tuple[float, bool]]) -> None:
    found = verdict([ONE], [pairs], 98)
    assert (found.fails, found.passed, found.open) == ("", (), (ONE,))


@pytest.mark.parametrize(("first", "stop", "workers"), [(0, 40, 1), (7, 5000, 2), (0, 10**7, 40)])
def test_the_last_lines_of_all_workers_are_looked_at_and_some_of_the_others(
    first: int, stop: int, workers: int
) -> None:
    places = places_of_blocks(first, stop, workers)
    assert len(places) <= 3 * BLOCKS + 4 * workers
    taken = [index for place in places for index in place]
    assert len(taken) == len(set(taken))
    assert min(taken) >= first
    assert max(taken) == stop - 1
    assert {*range(max(first, stop - 128 * workers), stop)} <= set(taken)
    gaps = [a.start - b.stop for a, b in pairwise(places)]
    assert max(gaps, default=0) <= (stop - first) / BLOCKS, "spread over all"


def test_neighbours_are_a_group_the_last_line_first() -> None:
    lines = {index: b"%d" % index for index in range(100, 170)}
    groups = blocks("GPU", 100, lines)
    assert [len(one.lines) for one in groups] == [32, 32, 6]
    assert groups[0].lines[0] == b"169"
    assert {one.first for one in groups} == {100}


def test_images_are_found_by_the_indices_of_their_answers(tmp_path: Path) -> None:
    path = tmp_path / "inputs"
    path.write_bytes(b"".join(b"%d.jpg\0" % number for number in range(100_000)))
    listed = range(10, 90_010)
    wanted = [*range(89_000, 89_040), 10, 90_010, 90_011, 70_000]
    found = images_of(InputsReader(path, "/"), listed, wanted)
    assert set(found) == set(wanted)
    assert all(image.index == index for index, image in found.items())
    assert found[89_007].path == "89007.jpg"
    assert (found[90_010].path, found[90_011].path) == ("10.jpg", "11.jpg"), "a second pass"
