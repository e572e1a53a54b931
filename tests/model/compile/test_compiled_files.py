"""The folder of compiled models: what is damaged, foreign or too much never gets into a run."""

import errno
import json
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from batchcls.model.compile.compiled_files import PART, SUFFIX, CompiledFiles, WriteLock
from batchcls.model.compile.compiled_format import ALIGN

KEY, OTHER = "a" * 64, "b" * 64
FACTS = {"card": {"labels": ["é", "b"]}, "int8": "none"}
BLOBS = (memoryview(b"first" * 1000), memoryview(b"second"))


@pytest.fixture
def files(tmp_path: Path) -> CompiledFiles:
    return CompiledFiles.open(tmp_path / "cache" / "compiled")


def put(files: CompiledFiles, key: str = KEY, blobs: tuple[memoryview, ...] = BLOBS) -> Path:
    lock = files.lock(key)
    assert lock is not None
    files.store(lock, key, FACTS, blobs)
    lock.close()
    return files.folder / (key + SUFFIX)


def names(files: CompiledFiles) -> list[str]:
    return sorted(path.name for path in files.folder.iterdir())


def test_what_was_kept_is_found(files: CompiledFiles) -> None:
    assert files.find(KEY) is None
    put(files)
    kept = files.find(KEY)
    assert kept is not None
    assert kept.facts == FACTS
    assert [bytes(blob) for blob in kept.blobs] == [bytes(blob) for blob in BLOBS]
    assert names(files) == [KEY + SUFFIX]


def test_only_its_owner_reads_it(files: CompiledFiles) -> None:
    path = put(files)
    assert files.folder.stat().st_mode & 0o777 == 0o700
    assert path.stat().st_mode & 0o777 == 0o600


def test_every_damaged_byte_is_noticed_and_the_file_removed(files: CompiledFiles) -> None:
    path = put(files, blobs=(memoryview(b"blob" * 8),))
    whole = path.read_bytes()
    for at in (*range(len(whole.rstrip(b"blob").rstrip(b"\0"))), *range(ALIGN, len(whole))):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert files.find(KEY) is None, at
        assert not path.exists(), at
    path.write_bytes(whole)
    assert files.find(KEY) is not None


@pytest.mark.parametrize("length", [0, 1, 30, 200, 4000, 5000, -1])
def test_a_truncated_file_is_removed(files: CompiledFiles, length: int) -> None:
    path = put(files)
    path.write_bytes(path.read_bytes()[:length])
    assert files.find(KEY) is None
    assert names(files) == []


def test_a_longer_or_a_foreign_file_is_no_model(files: CompiledFiles) -> None:
    path = put(files)
    for content in (b"x" * 10_000, b"batchcls compiled model 1\n" + b"\xff" * 9000):
        path.write_bytes(content)
        assert files.find(KEY) is None


def test_a_link_is_not_followed(files: CompiledFiles, tmp_path: Path) -> None:
    path = put(files)
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    assert files.find(KEY) is None
    (files.folder / (OTHER + PART)).symlink_to(tmp_path / "written")
    assert files.lock(OTHER) is None
    assert not (tmp_path / "written").exists()


def test_a_folder_that_others_may_write_to_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(0o770)
    with pytest.raises(OSError, match="others may write"):
        CompiledFiles.open(folder)


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        CompiledFiles.open(tmp_path / "file" / "cache")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_and_a_file_of_another_user_are_refused(
    files: CompiledFiles, tmp_path: Path
) -> None:
    os.chown(put(files), 12345, 12345)
    assert files.find(KEY) is None
    os.chown(files.folder, 12345, 12345)
    with pytest.raises(PermissionError, match="another user"):
        CompiledFiles.open(files.folder)


@contextmanager
def small_files(limit: int) -> Iterator[None]:
    """Files cannot grow beyond it, as on a full disk: the write fails half-way."""
    old, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.getsignal(signal.SIGXFSZ)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, old[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_full_disk_leaves_nothing_behind(files: CompiledFiles) -> None:
    with small_files(6000):
        put(files)
    assert names(files) == []
    put(files)  # and there is room again
    assert files.find(KEY) is not None


def test_the_least_recently_used_go_first(tmp_path: Path) -> None:
    files = CompiledFiles.open(tmp_path / "c", limit=40_000)
    keys = [str(number) * 64 for number in range(4)]
    for age, key in enumerate(keys[:3]):
        os.utime(put(files, key, (memoryview(bytes(8000)),)), ns=(age, age + 1))
    assert files.find(keys[0]) is not None  # and is now the latest
    put(files, keys[3], (memoryview(bytes(8000)),))
    assert names(files) == [key + SUFFIX for key in (keys[0], keys[2], keys[3])]


def test_openvinos_own_files_count_and_go_too(tmp_path: Path) -> None:
    files = CompiledFiles.open(tmp_path, limit=20_000)
    for age, name in enumerate(("1.blob", "2.cl_cache", "notes.txt")):
        (tmp_path / name).write_bytes(bytes(9000))
        os.utime(tmp_path / name, ns=(age, age))
    put(files, KEY, (memoryview(bytes(8000)),))
    assert names(files) == ["2.cl_cache", KEY + SUFFIX, "notes.txt"]


def test_what_is_larger_than_the_folder_may_be_is_not_kept(tmp_path: Path) -> None:
    files = CompiledFiles.open(tmp_path, limit=1000)
    put(files)
    assert names(files) == []


def test_pages_in_use_outlive_their_file(files: CompiledFiles) -> None:
    path = put(files)
    kept = files.find(KEY)
    assert kept is not None
    path.unlink()
    put(files, blobs=(memoryview(b"other"),))
    assert bytes(kept.blobs[0]) == bytes(BLOBS[0])


def test_a_second_process_waits_for_the_first_ones_file(files: CompiledFiles) -> None:
    lock = files.lock(KEY)
    assert lock is not None
    got: list[object] = []
    waiting = threading.Thread(target=lambda: got.append(files.lock(KEY)))
    waiting.start()
    waiting.join(0.1)
    assert waiting.is_alive()
    files.store(lock, KEY, FACTS, BLOBS)
    lock.close()
    waiting.join(10)
    assert got == [None]
    assert files.find(KEY) is not None


def test_the_next_one_takes_over_where_the_first_gave_up(files: CompiledFiles) -> None:
    lock = files.lock(KEY)
    assert lock is not None
    got: list[WriteLock | None] = []
    waiting = threading.Thread(target=lambda: got.append(files.lock(KEY)))
    waiting.start()
    lock.close()  # it could not compile
    waiting.join(10)
    (second,) = got
    assert second is not None
    second.close()
    assert names(files) == []


def test_patience_ends(files: CompiledFiles) -> None:
    lock = files.lock(KEY)
    assert lock is not None
    assert files.lock(KEY, patience_s=0.05) is None
    lock.close()


def test_without_locks_nobody_waits(files: CompiledFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", flock)
    assert files.lock(KEY) is None


CHILD = """
import sys
from pathlib import Path
from batchcls.model.compile.compiled_files import CompiledFiles
lock = CompiledFiles.open(Path(sys.argv[1])).lock(sys.argv[2])
lock.file.write(b"half a file")
lock.file.flush()
print("mine", flush=True)
sys.stdin.read()
"""


def test_what_a_dead_process_left_is_swept_up_and_nothing_else(files: CompiledFiles) -> None:
    foreign = [files.folder / name for name in ("film.mp4.part", f"{OTHER[:-1]}{PART}")]
    for path in foreign:
        path.touch()
    words = [sys.executable, "-c", CHILD, str(files.folder), KEY]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"mine\n"
        files.sweep()
        assert KEY + PART in names(files), "its process lives"
        child.kill()
    files.sweep()
    assert names(files) == sorted(path.name for path in foreign)


def test_a_dead_process_leaves_its_turn_to_the_next(files: CompiledFiles) -> None:
    words = [sys.executable, "-c", CHILD, str(files.folder), KEY]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"mine\n"
        assert files.lock(KEY, patience_s=0.05) is None
        child.kill()
    put(files)
    kept = files.find(KEY)
    assert kept is not None
    assert json.dumps(kept.facts) == json.dumps(FACTS)
    assert names(files) == [KEY + SUFFIX]
