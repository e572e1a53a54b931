"""From which line on no check has passed a run's lines: kept on the disk."""

from pathlib import Path

import pytest

from batchcls.results import unchecked
from batchcls.results.rundir import RunPaths
from batchcls.results.storage import PosixStorage

STORAGE = PosixStorage()


@pytest.fixture
def paths(tmp_path: Path) -> RunPaths:
    paths = RunPaths.of(tmp_path / "r.jsonl")
    paths.directory.mkdir()
    return paths


def test_it_is_of_one_run_and_gone_when_all_is_checked(paths: RunPaths) -> None:
    assert unchecked.load(STORAGE, paths, "a") is None
    unchecked.save(STORAGE, paths, "a", 1200)
    unchecked.save(STORAGE, paths, "a", 3400)
    assert unchecked.load(STORAGE, paths, "a") == 3400
    assert unchecked.load(STORAGE, paths, "b") is None, "another generation"
    unchecked.clear(STORAGE, paths)
    unchecked.clear(STORAGE, paths)
    assert unchecked.load(STORAGE, paths, "a") is None


@pytest.mark.parametrize("content", [b"", b"{}", b'["a"]', b'["a","b"]', b"\xff"])
def test_what_is_not_ours_says_nothing(paths: RunPaths, content: bytes) -> None:
    paths.unchecked.write_bytes(content)
    assert unchecked.load(STORAGE, paths, "a") is None


def test_lines_are_found_by_their_index_whole_ones_only(paths: RunPaths) -> None:
    paths.part.write_bytes(b"5\n6\n7\n8\n9")
    found = unchecked.some_lines(STORAGE, paths, [range(8, 10), range(5, 7)], first=5)
    assert found == {5: b"5", 6: b"6", 8: b"8"}


def test_the_first_of_each_device_is_told() -> None:
    settings = {unchecked.KEY: [["GPU", 1200, "the model's files have changed"]]}
    (told,) = unchecked.told(settings)
    assert "from image 1200 on" in told
    assert "(the model's files have changed)" in told
    assert unchecked.told({}) == []
