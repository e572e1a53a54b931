"""What outgrows memory comes back from the disk as it was, or the run stops."""

import os
import random
from pathlib import Path

import pytest

from batchcls.errors import StoppedError
from batchcls.results.overflow import Overflow

NOTHING = 0
"""No reserve: the disk of the tests may be nearly full."""


def test_what_is_kept_comes_back_in_any_order_and_leaves_no_file(tmp_path: Path) -> None:
    kept = Overflow(tmp_path, NOTHING)
    given = [random.Random(n).randbytes(n) for n in range(100)]
    places = [kept.put(data) for data in given]
    order = list(range(100))
    random.Random(1).shuffle(order)
    for n in order:
        place = places[n]
        assert place is not None
        assert kept.take(place, n) == given[n]
    assert list(tmp_path.iterdir()) == []
    kept.close()


def test_disk_space_is_given_back_when_nothing_is_kept(tmp_path: Path) -> None:
    kept = Overflow(tmp_path, NOTHING)
    assert [kept.put(b"x" * 1000) for _ in range(2)] == [0, 1004]
    file = kept._file
    assert file is not None
    kept.take(0, 1000)
    assert os.fstat(file.fileno()).st_size == 2008
    kept.take(1004, 1000)
    assert os.fstat(file.fileno()).st_size == 0
    assert kept.put(b"y") == 0
    assert kept.take(0, 1) == b"y"
    kept.close()


def test_the_last_of_the_disk_is_left_to_the_journal(tmp_path: Path) -> None:
    found = os.statvfs(tmp_path)
    free = found.f_bavail * found.f_frsize
    kept = Overflow(tmp_path, free + (1 << 30))
    assert kept.put(b"x") is None
    kept.close()


def test_where_no_file_can_be_made_nothing_is_kept(tmp_path: Path) -> None:
    assert Overflow(tmp_path / "missing", NOTHING).put(b"x") is None


def test_a_short_write_keeps_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Overflow(tmp_path, NOTHING)
    real = os.pwrite
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", lambda fd, data, at: real(fd, data[:3], at))
        assert kept.put(b"torn") is None
    assert kept.put(b"whole") == 0
    assert kept.take(0, 5) == b"whole"
    kept.close()


@pytest.mark.parametrize("damage", [b"X", b""])
def test_damage_on_the_disk_stops_the_run(tmp_path: Path, damage: bytes) -> None:
    kept = Overflow(tmp_path, NOTHING)
    kept.put(b"lines")
    assert kept._file is not None
    if damage:
        os.pwrite(kept._file.fileno(), damage, 2)
    else:
        kept._file.truncate(6)
    with pytest.raises(StoppedError, match="damaged"):
        kept.take(0, 5)
    kept.close()
