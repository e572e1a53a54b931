"""How many lines there were when, noted during a run."""

from pathlib import Path

import pytest

from batchcls.results.pace import Moment, Pace, rates, read


def session(path: Path, begin: float, seconds: int, first: int, rate: int) -> None:
    pace = Pace(path)
    for quarter in range(4 * seconds + 1):
        pace.note(begin + quarter / 4, first + rate * quarter // 4)
    pace.note(begin + seconds, first + rate * seconds, last=True)


def test_a_night_is_a_few_hundred_moments(tmp_path: Path) -> None:
    session(tmp_path / "pace", 1e9, 8 * 3600, 0, 50)
    found = read(tmp_path / "pace")
    assert 480 <= len(found) <= 800
    assert found[0] == Moment(1e9, 0, begins=True)
    assert found[-1] == Moment(1e9 + 8 * 3600, 50 * 8 * 3600)
    steps = rates(found, 96)
    assert steps[-1][0] == 8 * 3600
    assert all(rate == pytest.approx(50, abs=0.5) for _, rate, _ in steps[:-1])


def test_time_between_sessions_does_not_count(tmp_path: Path) -> None:
    session(tmp_path / "pace", 1e9, 100, 0, 10)
    session(tmp_path / "pace", 2e9, 100, 1000, 20)
    steps = rates(read(tmp_path / "pace"), 10)
    assert steps[-1][0] == 200
    assert [round(rate) for _, rate, _ in steps[:3]] == [10, 10, 10]
    assert [start for start, _, begins in steps if begins and start]


def test_what_was_before_a_fresh_start_is_left_out(tmp_path: Path) -> None:
    session(tmp_path / "pace", 1e9, 10, 0, 10)
    session(tmp_path / "pace", 2e9, 10, 0, 10)
    assert read(tmp_path / "pace")[0] == Moment(2e9, 0, begins=True)


def test_what_was_before_lines_were_taken_back_stays(tmp_path: Path) -> None:
    session(tmp_path / "pace", 2e9, 100, 0, 10)
    session(tmp_path / "pace", 1e9, 100, 900, 10)  # the clock was set back, too
    found = read(tmp_path / "pace")
    assert found[0] == Moment(2e9, 0, begins=True)
    assert found[-1].lines == 1900
    assert not [one for one in found if one.at > 2e9 and one.lines > 900]
    assert rates(found, 10)[-1][0] == pytest.approx(190, abs=3)


def test_a_beginning_without_lines_has_its_time(tmp_path: Path) -> None:
    pace = Pace(tmp_path / "pace")
    for second, lines in enumerate((0, 0, 0, 30)):
        pace.note(1e9 + second, lines)
    assert [one.lines for one in read(tmp_path / "pace")] == [0, 0, 0, 30]


@pytest.mark.parametrize("text", ["", "{", "null\n[]\n", '{"at":"x","lines":1}\n', "\0\n"])
def test_what_is_torn_or_strange_is_left_out(tmp_path: Path, text: str) -> None:
    (tmp_path / "pace").write_text(text)
    assert read(tmp_path / "pace") == []
    assert rates([], 10) == []


def test_a_run_goes_on_where_nothing_can_be_noted(tmp_path: Path) -> None:
    Pace(tmp_path / "no" / "pace").note(1e9, 1)
    assert read(tmp_path / "no" / "pace") == []
