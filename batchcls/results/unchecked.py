"""Keeps on the disk from which line on no check of the devices has passed a run's lines.

A session that is stopped or killed cannot look at its last lines; whoever goes on looks first. What
is in the file may be older than the lines, and then names too many of them, never too few.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from batchcls.results.disk_errors import guard
from batchcls.results.recovery import lines
from batchcls.results.rundir import RunPaths
from batchcls.results.storage import Storage, blocks, opened, read_all, write_atomically

KEY = "unchecked"
"""Of a manifest's settings, where lines of a complete run remained so."""


def save(storage: Storage, paths: RunPaths, run: str, first: int) -> None:
    """Write it, durably.

    Raises:
        StoppedError: the disk is full or fails.
    """
    with guard(paths.unchecked):
        write_atomically(storage, paths.unchecked, json.dumps([run, first]).encode())


def load(storage: Storage, paths: RunPaths, run: str) -> int | None:
    """It; None where nothing is known of this run.

    Raises:
        StoppedError: the disk fails.
    """
    with guard(paths.unchecked):
        if storage.stat(paths.unchecked) is None:
            return None
        try:
            of, first = json.loads(read_all(storage, paths.unchecked))
        except (ValueError, TypeError):  # not ours
            return None
    return first if of == run and type(first) is int else None


def clear(storage: Storage, paths: RunPaths) -> None:
    """All is checked, or told.

    Raises:
        StoppedError: the disk fails.
    """
    with guard(paths.unchecked):
        if storage.stat(paths.unchecked) is not None:
            storage.unlink(paths.unchecked)


def some_lines(
    storage: Storage, paths: RunPaths, places: Iterable[range], first: int
) -> dict[int, bytes]:
    """Lines of the unfinished results, by index.

    Args:
        storage: the file system.
        paths: of the run.
        places: which ones.
        first: index of the first line of the file.
    """
    wanted = {index for place in places for index in place}
    last = max(wanted, default=-1)
    found: dict[int, bytes] = {}
    with guard(paths.part), opened(storage, paths.part) as fd:
        for index, (line, whole) in enumerate(lines(blocks(storage, fd, 0)), first):
            if index > last or not whole:
                break
            if index in wanted:
                found[index] = line
    return found


def sentence(device: str, first: int, why: str) -> str:
    """For people: what remained unchecked."""
    because = f" ({why})" if why else ""
    return (
        f"the last images that {device} labelled, from image {first} on, could not be compared "
        f"with the CPU{because}; if it went wrong there, nobody has noticed"
    )


def told(settings: Mapping[str, Any]) -> list[str]:
    """The same from a manifest."""
    return [sentence(*entry) for entry in settings.get(KEY, ())]
