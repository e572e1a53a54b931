"""Damage after the fact: refused with its place, or harmless; wrong data is never accepted."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from batchcls.errors import RefusedError
from batchcls.results.verify import verify
from tests.support.disk import SimDisk
from tests.support.story import Story, as_file, line, lines, paths_in

DIRECTORY = Path("/jobs")
PATHS = paths_in(DIRECTORY)
COUNT = 60


def first(story: Story) -> bool:
    return story.session()


def second(story: Story) -> bool:
    return story.session_retry()


def stopped() -> SimDisk:
    disk = SimDisk(DIRECTORY)
    Story(PATHS, disk, COUNT).session(until=40)
    return disk


def finished() -> SimDisk:
    disk = SimDisk(DIRECTORY)
    Story(PATHS, disk, COUNT).session()
    return disk


def retrying() -> SimDisk:
    disk = finished()
    Story(PATHS, disk, COUNT).session_retry(until=25)
    return disk


STATES: dict[str, tuple[Callable[[], SimDisk], Callable[[Story], bool], bytes]] = {
    "stopped": (stopped, first, as_file(lines(COUNT))),
    "finished": (finished, first, as_file(lines(COUNT))),
    "retrying": (retrying, second, as_file(lines(COUNT, retried=True))),
}
FILES = ("part", "commit", "manifest", "inputs", "lock", "results")


def resume(disk: SimDisk, state: str, path: Path) -> bool:
    """Resume after damage; whether it was refused. If it was not, the end must be right."""
    _, session, result = STATES[state]
    try:
        session(Story(PATHS, disk, COUNT))
    except RefusedError as error:
        assert str(path) in str(error) or str(DIRECTORY) in str(error)
        return True
    assert disk.content(PATHS.results) == result
    return False


def flip(state: str, name: str, places: int, seed: int) -> tuple[int, int]:
    """Flip a byte at so many places, one at a time: how many were refused, how many harmless."""
    rng = random.Random(seed)
    start = STATES[state][0]()
    path: Path = getattr(PATHS, name)
    content = start.content(path)
    if content is None:
        return 0, 0
    refused = 0
    for _ in range(places):
        place, value = rng.randrange(len(content)), rng.randrange(1, 256)
        damaged = bytearray(content)
        damaged[place] ^= value
        disk = start.after_kill()
        disk.replace_content(path, bytes(damaged))
        try:
            refused += resume(disk, state, path)
        except BaseException as error:
            error.add_note(f"{state}, {name}, byte {place} ^ {value}")
            raise
    if name in ("part", "manifest", "inputs", "results"):
        assert refused == places, "any change of these is a change of the answer"
    return refused, places - refused


@pytest.mark.parametrize("state", STATES)
def test_flipped_bytes(state: str) -> None:
    for name in FILES:
        flip(state, name, 25, seed=1)


@pytest.mark.faults
@pytest.mark.timeout(600)
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("name", FILES)
def test_many_flipped_bytes(state: str, name: str) -> None:
    refused, harmless = flip(state, name, 500, seed=2)
    print(f"seed 2, {state}, {name}: {refused} refused, {harmless} harmless")


def test_the_first_bad_line_is_named_with_its_place() -> None:
    start = stopped()
    content = start.content(PATHS.part)
    assert content is not None
    for number in (0, 1, 17, 39):
        offset = len(as_file(lines(number)))
        disk = start.after_kill()
        damaged = bytearray(content)
        damaged[offset + 3] = 0
        disk.replace_content(PATHS.part, bytes(damaged))
        place = f"line {number + 1}, at byte {offset:,}"
        with pytest.raises(
            RefusedError, match=rf"results\.jsonl\.part is damaged: {place}, is not"
        ):
            Story(PATHS, disk, COUNT).session()


def test_lost_bytes_are_named() -> None:
    disk = stopped()
    content = disk.content(PATHS.part)
    assert content is not None
    disk.replace_content(PATHS.part, content[:-9])
    with pytest.raises(
        RefusedError,
        match=f"it has {len(content) - 9:,} bytes, but {len(content):,} were safely on",
    ):
        Story(PATHS, disk, COUNT).session()


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("name", FILES)
def test_removed_files(state: str, name: str) -> None:
    disk = STATES[state][0]()
    path: Path = getattr(PATHS, name)
    disk.unlink(path)
    resume(disk, state, path)


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("tail", [b"\n", b"\0", b"junk\n", line(40) + b"\n", line(1) + b"\n"])
def test_appended_bytes(state: str, name: str, tail: bytes) -> None:
    disk = STATES[state][0]()
    path: Path = getattr(PATHS, name)
    if (content := disk.content(path)) is not None:
        disk.replace_content(path, content + tail)
        resume(disk, state, path)


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("length", [0, 1, 100])
def test_shortened_files(state: str, name: str, length: int) -> None:
    disk = STATES[state][0]()
    path: Path = getattr(PATHS, name)
    if (content := disk.content(path)) is not None:
        disk.replace_content(path, content[:length])
        resume(disk, state, path)


@pytest.mark.runs
@pytest.mark.parametrize("state", STATES)
def test_swapped_files(state: str) -> None:
    for name in FILES:
        for other in FILES:
            for source in (STATES[state][0](), finished(), stopped()):
                content = source.content(getattr(PATHS, other))
                disk = STATES[state][0]()
                path: Path = getattr(PATHS, name)
                if content is not None and disk.content(path) is not None:
                    disk.replace_content(path, content)
                    resume(disk, state, path)


def test_verify_finds_every_flipped_byte() -> None:
    start = finished()
    content = start.content(PATHS.results)
    assert content is not None
    rng = random.Random(3)
    for _ in range(100):
        damaged = bytearray(content)
        damaged[rng.randrange(len(content))] ^= rng.randrange(1, 256)
        disk = start.after_kill()
        disk.replace_content(PATHS.results, bytes(damaged))
        assert not verify(PATHS.results, disk).good
