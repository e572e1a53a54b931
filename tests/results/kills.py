"""Runs the story on a real file system in real processes, and kills them. Started by the tests.

    python -m tests.results.kills kill DIRECTORY FIRST STRIDE GENERATION
    python -m tests.results.kills limit DIRECTORY

A process of its own, because it forks, and pytest has threads. Prints how many points it tried.
"""

import errno
import os
import resource
import shutil
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from batchcls.errors import StoppedError
from tests.support.numbered import End, Numbered, Unsynced, as_it_is, ends_of, kill_self
from tests.support.story import Story, as_file, lines, paths_in

COUNT = 200
EVERY = 3


def kill_everywhere(directory: Path, first: int, stride: int, *, second: bool) -> int:
    """SIGKILL at every `stride`-th point of a run; whoever resumes ends with the same bytes."""
    work = directory / "work"
    start = directory / "start"
    start.mkdir()
    if second:
        assert Story(paths_in(start), Unsynced(), COUNT, EVERY).session()
    fresh(start, work)
    paths = paths_in(work)
    counted = Numbered(Unsynced(), as_it_is)
    story = Story(paths, counted, COUNT, EVERY)
    assert story.session_retry() if second else story.session()
    result = as_file(lines(COUNT, retried=second))
    assert paths.results.read_bytes() == result
    allowed = {result, as_file(lines(COUNT)) if second else None}
    points = ends_of(counted.names)[first::stride]
    for at, how in points:
        fresh(start, work)
        status = in_child(partial(session, work, at, how, second=second))
        assert os.WIFSIGNALED(status), (at, how, status)
        assert os.WTERMSIG(status) == signal.SIGKILL
        if paths.part.exists():
            assert result.startswith(paths.part.read_bytes()), (at, how)
        final = paths.results.read_bytes() if paths.results.exists() else None
        assert (final is None and not second) or final in allowed, (at, how)
        last = Story(paths, Unsynced(), COUNT, EVERY)
        assert last.session_retry() if second else last.session()
        assert paths.results.read_bytes() == result, (at, how)
        left = sorted(os.listdir(work)), sorted(os.listdir(paths.directory))
        assert left == (
            ["results.jsonl", "results.jsonl.job"],
            ["commit", "inputs", "lock", "manifest.json"],
        ), (at, how, left)
    return len(points)


def session(work: Path, at: int, how: str, *, second: bool) -> None:
    story = Story(paths_in(work), Numbered(Unsynced(), End(at, how, kill_self)), COUNT, EVERY)
    _ = story.session_retry() if second else story.session()


def limit_everywhere(directory: Path) -> int:
    """A limit on the size of files, at 64 places of the results."""
    work, start = directory / "work", directory / "start"
    start.mkdir()
    result = as_file(lines(COUNT))
    for k in range(64):
        fresh(start, work)
        paths = paths_in(work)
        size = len(result) * (2 * k + 1) // 128
        status = in_child(partial(stop_at, work, size))
        assert os.waitstatus_to_exitcode(status) == 4, (size, status)
        written = paths.part.read_bytes() if paths.part.exists() else b""
        assert result.startswith(written)
        assert written[-1:] in (b"", b"\n"), size
        assert Story(paths, Unsynced(), COUNT, EVERY).session()
        assert paths.results.read_bytes() == result
    return 64


def stop_at(work: Path, size: int) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        Story(paths_in(work), Unsynced(), COUNT, EVERY).session()
    except StoppedError as error:
        assert "raise the limit of file sizes" in str(error)
        assert "run the same command again" in str(error)
        assert isinstance(error.__cause__, OSError)
        assert error.__cause__.errno == errno.EFBIG
        os._exit(error.exit_code)


def fresh(start: Path, work: Path) -> None:
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(start, work)


def in_child(run: Callable[[], None]) -> int:
    """Exit status of a forked process that does this."""
    child = os.fork()
    if not child:
        try:
            run()
            os._exit(0)
        except BaseException:  # noqa: BLE001 - the fork must end here, whatever happens
            sys.excepthook(*sys.exc_info())
            os._exit(99)
    return os.waitpid(child, 0)[1]


def main() -> None:
    what, directory, *rest = sys.argv[1:]
    if what == "kill":
        print(
            kill_everywhere(Path(directory), int(rest[0]), int(rest[1]), second=rest[2] == "second")
        )
    else:
        print(limit_everywhere(Path(directory)))


if __name__ == "__main__":
    main()
