"""Ends an export between any two changes of the file system."""

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from batchcls.report.export import moving, steps
from batchcls.results.storage import PosixStorage

_CHANGES: list[tuple[Any, str]] = [
    (Path, "unlink"), (Path, "rmdir"), (Path, "symlink_to"), (moving, "copy"),
    (moving, "sync_directory"), (steps, "_append"), (PosixStorage, "rename_new"),
    (PosixStorage, "rename"), (PosixStorage, "fsync"), (PosixStorage, "pwrite"),
]  # fmt: skip


class Killed(BaseException):
    """The process ends here."""


class Kills:
    """Ends the process at the n-th change of the file system, before it or after it.

    Attributes:
        left: changes until then, each counted before and after; never, if it is negative.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, other_disk: bool = False) -> None:
        self.left = -1
        for owner, name in _CHANGES:
            monkeypatch.setattr(owner, name, self._counted(getattr(owner, name)))
        if other_disk:
            rename = PosixStorage.rename_new

            def across(storage: PosixStorage, old: Path, new: Path) -> None:
                if old.suffix == ".jpg":
                    raise OSError(errno.EXDEV, "Invalid cross-device link")
                rename(storage, old, new)

            monkeypatch.setattr(PosixStorage, "rename_new", across)

    def _counted(self, action: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*words: Any, **named: Any) -> Any:
            self._tick()
            done = action(*words, **named)
            self._tick()
            return done

        return counted

    def _tick(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise Killed

    def killed(self, at: int, action: Callable[[], Any]) -> bool:
        """Whether a command is ended at that change; if not, it succeeds."""
        self.left = at
        try:
            assert action() == 0
        except Killed:
            return True
        finally:
            self.left = -1
        return False
