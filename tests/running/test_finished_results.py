"""Finished results that somebody changed: the same command notices, and its advice holds."""

import os
import shutil
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from batchcls.errors import RefusedError
from batchcls.results import mark as marks
from batchcls.results.storage import PosixStorage
from tests.support.instant_run import Place

COUNT = 14
FAILED = 2


class Watched(PosixStorage):
    """Notes which files are opened."""

    def __init__(self) -> None:
        self.opened: list[str] = []

    def open(self, path: Path, flags: int) -> int:
        self.opened.append(path.name)
        return super().open(path, flags)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """With a complete run."""
    place = Place(tmp_path / "work")
    place.add(0, COUNT)
    place.run()
    return place


def with_content(content: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        path.write_bytes(content(path.read_bytes()))

    return change


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def link(path: Path) -> None:
    path.symlink_to(path.rename(path.with_name("elsewhere")))


CHANGES: dict[str, tuple[Callable[[Path], None], str]] = {
    "appended": (with_content(lambda data: data + b"{}\n"), r"behind its last line, at byte 1,\d"),
    "cut": (with_content(lambda data: data[:-9]), r"it has 1,\d+ bytes, but 1,\d+ were safely on"),
    "emptied": (with_content(lambda data: b""), r"it has 0 bytes, but 1,\d+ were safely on"),
    "a letter": (
        with_content(lambda data: data.replace(b'"cat"', b'"cot"')),
        r"its first 1,\d+ bytes",
    ),
    "a path": (with_content(lambda data: data.replace(b'"002.', b'"092.')), r"line 3, at byte \d"),
    "a key": (with_content(lambda data: data.replace(b'"i":2', b'"j":2')), r"line 3, at byte \d+,"),
    "a folder": (folder, "something else than a file is there now"),
    "a link": (link, "something else than a file is there now"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_the_same_command_notices_what_became_of_its_results(place: Place, change: str) -> None:
    whole = place.paths.results.read_bytes()
    make, words = CHANGES[change]
    make(place.paths.results)
    commands: tuple[dict[str, Any], ...] = ({}, {"extend": True}, {"retry_failed": True})
    for command in commands:
        with pytest.raises(RefusedError, match=words) as refused:
            place.run(**command)
        assert str(place.paths.results) in str(refused.value)
        assert refused.value.exit_code == 2
        assert not place.leased
    copy = place.folder.with_name("changed")
    place.keep(copy)

    # "restore it"
    shutil.rmtree(place.paths.results, ignore_errors=True)
    place.paths.results.unlink(missing_ok=True)
    place.paths.results.write_bytes(whole)
    assert place.run().resumed == COUNT

    # "move away what is there", "start over with `--fresh`"
    place.restore(copy)
    aside = "move away" in str(refused.value)
    assert ("start over with `--fresh`" in str(refused.value)) != aside
    if aside:
        place.paths.results.rename(place.folder / "aside")
        place.run()
    else:
        place.run(fresh=True)
    assert place.paths.results.read_bytes() == whole


def test_what_was_added_may_be_removed(place: Place) -> None:
    size = place.paths.results.stat().st_size
    with place.paths.results.open("ab") as file:
        file.write(b"a note of mine\n")
    with pytest.raises(RefusedError, match="remove that"):
        place.run()
    os.truncate(place.paths.results, size)
    assert place.run().resumed == COUNT


def test_results_that_were_only_touched_are_complete(place: Place) -> None:
    place.paths.results.touch()
    assert place.run().resumed == COUNT


def test_results_that_nobody_touched_are_not_read(place: Place) -> None:
    storage = Watched()
    assert place.run(storage).resumed == COUNT
    assert "manifest.json" in storage.opened
    assert "results.jsonl" not in storage.opened


@pytest.mark.parametrize("time", [0, 1_700_000_000 * 10**9], ids=["0.1.0", "whole seconds"])
def test_where_the_time_says_nothing_the_checksum_decides(place: Place, time: int) -> None:
    set_time(place, time)
    os.utime(place.paths.results, ns=(time, time))
    assert place.run().resumed == COUNT
    place.paths.results.write_bytes(place.paths.results.read_bytes().replace(b'"cat"', b'"cot"'))
    os.utime(place.paths.results, ns=(time, time))
    with pytest.raises(RefusedError, match="is damaged"):
        place.run()


def set_time(place: Place, time: int) -> None:
    """As if the results had been finished then; 0 as 0.1.0 finished them, which kept no time."""
    found = marks.read(PosixStorage(), place.paths.commit)
    assert found is not None
    slot = replace(found[0], mtime_ns=time).to_slot()
    if not time:
        text = slot[9:].replace(b"],0]", b"]]  ")
        slot = b"%08x " % zlib.crc32(text) + text
    place.paths.commit.write_bytes(slot)


def test_a_session_that_was_refused_does_not_change_what_is_told_of_the_results(
    place: Place,
) -> None:
    with pytest.raises(RefusedError, match="top: was"):
        place.run(top=3)
    result = place.run(max_failed=str(FAILED - 1))
    assert (result.failed_by_kind, result.exit_code) == ({"truncated": FAILED}, 3)
