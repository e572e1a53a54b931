"""Disks that are full at any moment, of bytes or of files, and folders that move away: exit 4, one
message, and the same command goes on.

The disks are small file systems in memory, in a mount namespace of their own.
"""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.support.processes import PATIENCE_S
from tests.support.program import Program

pytestmark = pytest.mark.runs

COUNT = 6000
UNSHARE = ("unshare", "--map-root-user", "--mount")
ABLE = (
    shutil.which("unshare")
    and not subprocess.run(
        [*UNSHARE, "mount", "-t", "tmpfs", "x", "/mnt"], capture_output=True, check=False
    ).returncode
)
needs_mounts = pytest.mark.skipif(not ABLE, reason="no mount namespaces here")
ADVICE = r"(free some space|remove some, however small|make room there)"


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Very many names of one small image."""
    folder = tmp_path_factory.mktemp("many")
    assert cv2.imwrite(str(folder / "0.png"), np.full((20, 20, 3), 90, np.uint8))
    for number in range(1, COUNT):
        os.link(folder / "0.png", folder / f"{number}.png")
    return folder


@pytest.fixture(scope="module")
def whole(many: Path, model: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What an undisturbed run writes."""
    output = tmp_path_factory.mktemp("whole") / "results.jsonl"
    code, _, err = Program(many, model, output).end()
    assert code == 0, err
    return output.read_bytes()


class Disk:
    """A small file system, seen by the programs that are started with its prefix."""

    def __init__(self, folder: Path, options: str) -> None:
        self.folder = folder
        self._keeper = subprocess.Popen(
            [*UNSHARE, "sh", "-c", 'mount -t tmpfs -o "$1" x "$2" && echo up && read x', "sh",
             options, folder],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert self._keeper.stdout is not None
        assert self._keeper.stdout.readline() == b"up\n"
        self.prefix = ("nsenter", f"--target={self._keeper.pid}", "--user", "--mount",
                       "--preserve-credentials", f"--wd={Path.cwd()}")  # fmt: skip

    def do(self, *command: object) -> bytes:
        words = [*self.prefix, *map(str, command)]
        return subprocess.run(words, stdout=subprocess.PIPE, check=True).stdout

    def seen(self, path: Path) -> Path:
        """A path on it, as this process may open it."""
        return Path(f"/proc/{self._keeper.pid}/root{path}")

    def close(self) -> None:
        self._keeper.communicate()


@pytest.fixture
def disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Disk]:
    (tmp_path / "disk").mkdir()
    disk = Disk(tmp_path / "disk", request.param)
    yield disk
    disk.close()


def check_message(err: str, advice: str = ADVICE) -> str:
    """That it is one line, with this advice; the line."""
    last = err.splitlines()[-1]
    assert re.fullmatch(rf"batchcls: error: .*{advice}.*, then run the same command again", last)
    assert all(line.startswith("batchcls: ") for line in err.splitlines()), err
    return last


@needs_mounts
@pytest.mark.parametrize(
    ("disk", "more"),
    [
        ("size=4k,nr_inodes=100", [f"size={4 * k}k" for k in (2, 3, 4, 5, 6, 7, 9, 12, 99)]),
        ("size=1m,nr_inodes=2", [f"nr_inodes={k}" for k in range(3, 20)]),
    ],
    ids=["bytes", "files"],
    indirect=["disk"],
)
def test_wherever_the_disk_is_full_the_same_command_goes_on(
    disk: Disk, more: Sequence[str], images: Path, model: Path, tmp_path: Path
) -> None:
    """From a disk with room for nothing on, a little more room each time."""
    output = disk.folder / "r.jsonl"
    places = set()
    for room in more:
        code, _, err = Program(images, model, output, *disk.prefix).end()
        if code == 0:
            break
        assert code == 4, err
        places.add(re.sub(r"at line \d+", "", check_message(err)))
        disk.do("mount", "-o", f"remount,{room}", disk.folder)
    assert code == 0
    assert len(places) >= 4
    assert Program(images, model, tmp_path / "r.jsonl").end()[0] == 0
    assert disk.seen(output).read_bytes() == (tmp_path / "r.jsonl").read_bytes()


@needs_mounts
@pytest.mark.parametrize("disk", ["size=3m"], indirect=True)
def test_another_program_fills_the_disk(disk: Disk, many: Path, model: Path, whole: bytes) -> None:
    output = disk.folder / "r.jsonl"
    program = Program(many, model, output, *disk.prefix, options=["--log-level", "debug"])
    deadline = time.monotonic() + PATIENCE_S
    while not disk.seen(program.paths.part).exists():
        assert time.monotonic() < deadline
    filler = disk.folder / "filler"
    disk.do("sh", "-c", 'cat /dev/zero >"$0" 2>/dev/null || true', filler)
    code, _, err = program.end()
    assert code == 4, err
    check_message(err)
    assert whole.startswith(disk.seen(program.paths.part).read_bytes())
    disk.do("rm", filler)
    code, _, err = Program(many, model, output, *disk.prefix).end()
    assert code == 0, err
    assert disk.seen(output).read_bytes() == whole


@pytest.mark.parametrize("what", ["folder", "r.jsonl.job", "r.jsonl.part"])
def test_a_folder_that_is_renamed_meanwhile(
    many: Path, model: Path, whole: bytes, tmp_path: Path, what: str
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    program = Program(many, model, folder / "r.jsonl")
    program.wait_for_work()
    old = folder if what == "folder" else folder / what
    old.rename(tmp_path / "elsewhere")
    code, _, err = program.end()
    assert code == 4, err
    check_message(err, "is no longer there: .* put it back")
    (tmp_path / "elsewhere").rename(old)
    code, _, err = Program(many, model, folder / "r.jsonl").end()
    assert code == 0, err
    assert (folder / "r.jsonl").read_bytes() == whole
