"""One writer at a time: the second is refused at once, and a dead one is no hindrance."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from batchcls.errors import RefusedError, StoppedError
from batchcls.results.lock import Lock
from batchcls.results.rundir import RunPaths, make_directory
from batchcls.results.storage import PosixStorage
from tests.support.numbered import Fail, Numbered, as_it_is
from tests.support.story import Story, paths_in
from tests.support.tree import ROOT

STORAGE = PosixStorage()
HOLD = """
import sys, subprocess
from batchcls.results.lock import Lock
from batchcls.results.rundir import RunPaths
from batchcls.results.storage import PosixStorage
lock = Lock.take(RunPaths.of(sys.argv[1]), PosixStorage())
child = subprocess.Popen(["sleep", "30"], close_fds=False, start_new_session=True)
print(child.pid, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def paths(tmp_path: Path) -> RunPaths:
    paths = paths_in(tmp_path)
    make_directory(paths, STORAGE)
    return paths


def test_the_second_is_refused_at_once(paths: RunPaths) -> None:
    with Lock.take(paths, STORAGE) as lock:
        assert lock.warning == ""
        before, files = time.monotonic(), len(os.listdir("/proc/self/fd"))
        with pytest.raises(RefusedError, match=rf"by another run \(process {os.getpid()} on \S+,"):
            Lock.take(paths, STORAGE)
        assert time.monotonic() - before < 5.0  # it sleeps for less than one
        assert len(os.listdir("/proc/self/fd")) == files
    Lock.take(paths, STORAGE).release()


def test_a_longer_text_of_the_holder_before_leaves_nothing(paths: RunPaths) -> None:
    paths.lock.write_bytes(b"9" * 300)
    with Lock.take(paths, STORAGE):
        assert paths.lock.read_bytes().startswith(b"%d " % os.getpid())
        assert b"9" * 100 not in paths.lock.read_bytes()


def test_the_second_run_touches_nothing(paths: RunPaths) -> None:
    Story(paths, STORAGE, 9).session(until=4)
    files = [paths.part, paths.commit, paths.manifest, paths.inputs, paths.lock]
    with Lock.take(paths, STORAGE):
        before = [(f.read_bytes(), f.stat().st_mtime_ns) for f in files]
        with pytest.raises(RefusedError):
            Story(paths, STORAGE, 9).session()
        assert [(f.read_bytes(), f.stat().st_mtime_ns) for f in files] == before


def test_killed_holder_leaves_no_lock_though_its_children_live(paths: RunPaths) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(paths.results)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        child = int(holder.stdout.readline())
        try:
            with pytest.raises(RefusedError, match=f"process {holder.pid} on "):
                Lock.take(paths, STORAGE, patience_s=0)
            holder.send_signal(signal.SIGKILL)
            holder.wait(10)
            os.kill(child, 0)
            before = time.monotonic()
            Lock.take(paths, STORAGE).release()
            assert time.monotonic() - before < 5.0
        finally:
            os.kill(child, signal.SIGKILL)


def test_a_holder_that_is_about_to_end_is_waited_for(paths: RunPaths) -> None:
    first = Lock.take(paths, STORAGE)
    released = []

    class Releasing(PosixStorage):
        def flock(self, fd: int) -> None:
            try:
                super().flock(fd)
            except BlockingIOError:
                first.release()
                released.append(True)
                raise

    Lock.take(paths, Releasing()).release()
    assert released


def test_a_lock_file_that_is_removed_meanwhile_is_not_locked(paths: RunPaths) -> None:
    class Removing(PosixStorage):
        removed = False

        def flock(self, fd: int) -> None:
            if not self.removed:
                self.removed = True
                paths.lock.unlink()
            super().flock(fd)

    with Lock.take(paths, Removing()), pytest.raises(RefusedError):
        Lock.take(paths, STORAGE, patience_s=0)


def test_hostile_text_in_the_lock_file_is_not_shown(paths: RunPaths) -> None:
    with Lock.take(paths, STORAGE):
        paths.lock.write_bytes(b"\x1b[2J\x00\xff 1 2 3\n" * 50)
        with pytest.raises(RefusedError, match="which has not signed the lock file yet"):
            Lock.take(paths, STORAGE, patience_s=0)


def test_a_file_system_without_locks_is_a_warning(paths: RunPaths) -> None:
    class Lockless(PosixStorage):
        def flock(self, fd: int) -> None:
            raise OSError(95, os.strerror(95))

    with Lock.take(paths, Lockless()) as lock:
        assert "no locks" in lock.warning


def test_no_descriptor_is_left_behind_by_failures(paths: RunPaths) -> None:
    counted = Numbered(STORAGE, as_it_is)
    Lock.take(paths, counted).release()
    before = len(os.listdir("/proc/self/fd"))
    for number, name in enumerate(counted.names):
        if name == "close":
            continue
        with pytest.raises(StoppedError):
            Lock.take(paths, Numbered(STORAGE, Fail(number, 5, sticky=False)))
    assert len(os.listdir("/proc/self/fd")) == before
