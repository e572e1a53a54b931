"""A server that refuses is asked more slowly; one that refuses a single image is not."""

from batchcls.sources.urls.pace import AT_ONCE, FIRST_S, LONGEST_S, Pace


def test_refusals_in_a_row_make_the_pauses_longer() -> None:
    pace, now, waits = Pace(), 0.0, []
    for _ in range(8):
        waits.append(pace.refused(now))
        now += waits[-1]
    assert waits == [0.5, 1, 2, 4, LONGEST_S, LONGEST_S, LONGEST_S, LONGEST_S]
    turns = [pace.turn(now) for _ in range(3)]
    assert turns == [n * LONGEST_S / AT_ONCE for n in range(3)]


def test_what_is_refused_side_by_side_counts_once() -> None:
    pace = Pace()
    assert {pace.refused(0.1 * n) for n in range(5)} == {FIRST_S}


def test_one_image_that_is_refused_hardly_slows_the_others() -> None:
    pace, now, asked = Pace(), 0.0, 0
    while now < 10:
        if asked % 500 == 0:
            pace.refused(now)
        now += pace.turn(now) + 0.01
        pace.went_well()
        asked += 1
    assert asked > 0.95 * 10 / 0.01


def test_an_image_that_is_refused_again_while_others_are_answered_slows_nobody() -> None:
    pace = Pace()
    pace.refused(0.0)
    before = pace.answers
    for _ in range(2 * AT_ONCE):
        pace.went_well()
    assert pace.refused(5.0, before) == FIRST_S
    assert [pace.turn(6.0) for _ in range(3)] == [0, 0, 0]


def test_a_server_that_answers_few_is_asked_less_by_those_that_ask_again() -> None:
    pace = Pace()
    pace.refused(0.0)
    before = pace.answers
    for _ in range(AT_ONCE // 2):
        pace.went_well()
    pace.refused(5.0, before)
    assert pace.turn(6.0) == 0
    assert pace.turn(6.0) >= FIRST_S / AT_ONCE
