"""What counts as new in a folder that is followed, and when."""

import ctypes
import errno
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from batchcls.errors import SourceError, UsageError
from batchcls.job.job import Job
from batchcls.sources import arrivals
from batchcls.sources.arrivals import QUIET_S, Arrivals, require_directories
from batchcls.sources.nul_ended import joined
from batchcls.sources.watching import distant_devices

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")


class Folder:
    """A folder that is followed, by a clock of the test's own."""

    def __init__(self, tmp_path: Path) -> None:
        self.images, self.job_folder = tmp_path / "in", tmp_path / "job"
        self.images.mkdir()
        self.job_folder.mkdir()
        self.warnings: list[str] = []
        self.now = time.monotonic()
        job = Job(sources=(str(self.images),))
        self.arrivals = Arrivals(job, self.job_folder, self.warnings.append)

    def put(self, name: str, content: str = "cat") -> None:
        (self.images / name).write_text(content)

    def after(self, seconds: float) -> list[str]:
        """What counts so much later; it is on the frozen list then."""
        self.now += seconds
        for _ in range(20):
            self.arrivals.turn(self.now)
        self.now += arrivals.GATHER_S
        if not self.arrivals.due(self.now):
            return []
        found = list(self.arrivals.take())
        self.arrivals.listed = listed = self.job_folder / "inputs"
        with listed.open("ab") as file:
            file.write(joined(found) if found else b"")
        return [os.fsdecode(name) for name in found]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    made = Folder(tmp_path)
    made.after(0)
    yield made
    made.arrivals.close()


def test_a_file_counts_when_it_is_closed_and_once(folder: Folder) -> None:
    with (folder.images / "b.jpg").open("w") as file:
        file.write("ca")
        file.flush()
        assert folder.after(1) == []
        file.write("t")
    folder.put("a.jpg")
    folder.put("a.jpg")
    folder.put("notes.txt")
    assert folder.after(0) == ["a.jpg", "b.jpg"]
    folder.put("a.jpg", "dog")
    assert folder.after(QUIET_S) == []


def test_a_file_counts_when_it_was_moved_here_under_an_images_name(folder: Folder) -> None:
    folder.put("a.jpg.part")
    assert folder.after(QUIET_S) == []
    (folder.images / "a.jpg.part").rename(folder.images / "a.jpg")
    assert folder.after(0) == ["a.jpg"]


def test_what_a_program_has_only_begun_does_not_count_yet(folder: Folder) -> None:
    folder.put("a.jpg", "")
    folder.put(".b.jpg")
    (folder.images / ".~tmp~").mkdir()  # rsync --delay-updates
    (folder.images / ".later").mkdir()
    folder.after(0)
    folder.put(".~tmp~/c.jpg")
    folder.put(".later/d.jpg")
    assert folder.after(1) == []
    folder.put("a.jpg")
    for begun, name in (".b.jpg", "b.jpg"), (".~tmp~/c.jpg", "c.jpg"), (".later/d.jpg", "d.jpg"):
        (folder.images / begun).rename(folder.images / name)
    assert folder.after(0) == ["a.jpg", "b.jpg", "c.jpg", "d.jpg"]
    folder.put("empty.jpg", "")
    folder.put(".hidden.jpg")
    assert folder.after(1) == []
    assert folder.after(QUIET_S) == [".hidden.jpg", "empty.jpg"]


def test_many_folders_that_come_at_once_are_listed_together(folder: Folder) -> None:
    for number in range(300):
        (folder.images / f"{number:03}" / "below").mkdir(parents=True)
    folder.arrivals.turn(folder.now)
    assert folder.arrivals.idle
    for number in range(300):
        folder.put(f"{number:03}/below/a.jpg")
    assert len(folder.after(0)) == 300


def test_the_longer_a_list_takes_the_later_the_next_one(folder: Folder) -> None:
    folder.put("a.jpg")
    assert folder.after(0) == ["a.jpg"]
    folder.arrivals.began(time.monotonic() - 5)
    folder.put("b.jpg")
    assert folder.after(arrivals.SHARE * 4) == []
    assert folder.after(arrivals.SHARE * 4) == ["b.jpg"]


def test_what_nobody_tells_of_counts_when_it_stays_as_it_is(folder: Folder) -> None:
    (folder.job_folder / "elsewhere").write_text("cat")
    (folder.images / "a.jpg").hardlink_to(folder.job_folder / "elsewhere")
    assert folder.after(1) == []
    (folder.job_folder / "elsewhere").write_text("another cat")
    assert folder.after(QUIET_S - 1) == []
    assert folder.arrivals.held() == 1
    assert folder.after(QUIET_S) == ["a.jpg"]


def test_what_is_gone_before_it_is_listed_is_no_image(folder: Folder) -> None:
    folder.put("a.jpg")
    folder.put("b.jpg")
    folder.arrivals.turn(folder.now)
    (folder.images / "a.jpg").unlink()
    assert folder.after(0) == ["b.jpg"]


def test_folders_that_are_made_or_moved_here_are_watched(folder: Folder) -> None:
    (folder.images / "x" / "y").mkdir(parents=True)
    folder.after(0)
    folder.put("x/y/a.jpg")
    assert folder.after(0) == ["x/y/a.jpg"]
    (folder.images / "x").rename(folder.images / "z")
    assert folder.after(0) == []
    assert folder.after(QUIET_S) == ["z/y/a.jpg"]
    folder.put("z/y/b.jpg")
    assert folder.after(0) == ["z/y/b.jpg"]


def test_what_the_kernel_could_not_tell_is_found_all_the_same(folder: Folder) -> None:
    most = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    if most > 50_000:
        pytest.skip("this system's queue is longer than a test should be")
    for _ in range(most // 2):  # a file that is made again is two events each
        folder.put("a.jpg")
        (folder.images / "a.jpg").unlink()
    folder.put("late.jpg")
    found = folder.after(0) + folder.after(QUIET_S) + folder.after(QUIET_S)
    assert found == ["late.jpg"]


def test_without_inotify_everything_is_listed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    folder = Folder(tmp_path)
    folder.after(0)
    folder.put("a.jpg")
    assert folder.after(arrivals.POLL_S) == []
    folder.put("a.jpg", "it grows")
    assert folder.after(QUIET_S) == []
    assert folder.after(QUIET_S) == ["a.jpg"]
    assert folder.after(arrivals.POLL_S) == []


@pytest.mark.parametrize(
    ("call", "code", "advice"),
    [
        ("inotify_init1", errno.EMFILE, "max_user_instances"),
        ("inotify_add_watch", errno.ENOSPC, "max_user_watches"),
    ],
)
def test_where_the_system_allows_no_more_it_is_told_and_everything_is_listed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, code: int, advice: str
) -> None:
    class Limited:
        """The C library of a system whose limit is reached."""

        def __init__(self, *_: object, **options: object) -> None:
            self._real = real(None, use_errno=True)

        def __getattr__(self, name: str) -> object:
            if name != call:
                return getattr(self._real, name)
            return lambda *_: (ctypes.set_errno(code), -1)[1]

    real = ctypes.CDLL
    monkeypatch.setattr("ctypes.CDLL", Limited)
    folder = Folder(tmp_path)
    folder.after(0)
    assert len(folder.warnings) == 1
    assert advice in folder.warnings[0]
    folder.put("a.jpg")
    assert folder.after(arrivals.POLL_S) == []
    assert folder.after(QUIET_S) == ["a.jpg"]


def test_a_folder_that_goes_away_is_told_of_and_looked_for_again(folder: Folder) -> None:
    folder.images.rename(away := folder.images.with_name("away"))
    folder.after(2)
    assert "No such file" in folder.warnings[-1]
    away.rename(folder.images)
    folder.put("a.jpg")
    folder.now += 2 * QUIET_S  # it is seen as it is closed, and in the folder that is back
    assert folder.after(0) == ["a.jpg"]
    assert folder.arrivals.held() == 0


def test_only_folders_can_be_followed(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(b"")
    for source, why in (
        ("@list.txt", "is a list"),
        ("-", "is a list"),
        ("s3://bucket/images", "not on this machine"),
        (str(tmp_path / "a.tar"), "is a file"),
    ):
        with pytest.raises(UsageError, match=why):
            require_directories(Job(sources=(source,)))
    require_directories(Job(sources=(str(tmp_path),)))


def test_a_folder_that_was_never_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="No such file"):
        Arrivals(Job(sources=(str(tmp_path / "none"),)), tmp_path, print)


def test_file_systems_of_other_machines_are_known_by_their_type(tmp_path: Path) -> None:
    (tmp_path / "mounts").write_text(
        "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
        "30 22 0:51 / /mnt/nas rw shared:1 - nfs4 nas:/images rw\n"
        "31 22 0:52 / /mnt/ssh rw - fuse.sshfs me@host: rw\n"
        "32 22 0:53 / /mnt/usb rw - fuseblk /dev/sdb1 rw\n"
    )
    assert distant_devices(tmp_path / "mounts") == {
        os.makedev(8, 1): False, os.makedev(0, 51): True,
        os.makedev(0, 52): True, os.makedev(0, 53): False,
    }  # fmt: skip
