"""What the real file system is allowed to be unable to do."""

import errno
import os
from pathlib import Path

import pytest

from batchcls.sources.directory import UNABLE_TO_SYNC, sync_directory


@pytest.mark.parametrize("number", sorted(UNABLE_TO_SYNC))
def test_a_share_that_cannot_sync_directories_does(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(fd: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)
    sync_directory(tmp_path)


def test_a_disk_that_fails_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(fd: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="Input/output"):
        sync_directory(tmp_path)
