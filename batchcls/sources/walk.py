"""Paths of the images below one directory, in byte order, in flat memory.

Rules of this file:

1. Paths come out in byte order of the whole relative path. A directory is sorted as its name and
   a ``/``, which makes a depth-first walk give just that order.
2. Names of one directory go through `SortedSpill`, so ten million of them need no more memory
   than a run of it.
3. Directories behind symbolic links are entered only when asked, and no directory, known by
   device and inode, twice; so loops end.
4. What is left out by name is counted by its ending, and folders that no person made for pictures
   (thumbnails, recycle bins) by their name.
5. What cannot be listed because it is gone or forbidden is noted, never passed over in silence;
   any other error of the file system ends the listing, since an incomplete list would look like a
   complete one.
"""

import errno
import os
import stat
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from batchcls.errors import SourceError, StoppedError
from batchcls.sources.containers.kinds import compressed
from batchcls.sources.spill import SortedSpill

MAX_NOTES = 20
MAX_ENDINGS = 200
"""Endings that are told apart; names may end in anything."""


@dataclass(slots=True)
class Notes:
    """What was left out of a listing, for the person at the terminal.

    Attributes:
        lines: the first of them, a sentence each.
        count: of all of them.
        left_out: files whose names say that they are not to be labelled, by ending, in lower case
            ("" = none), and the names of folders that were not entered, with a ``/``.
    """

    lines: list[str] = field(default_factory=list)
    count: int = 0
    left_out: Counter[str] = field(default_factory=Counter)

    def add(self, line: str) -> None:
        """Note one thing; after `MAX_NOTES` only the count grows."""
        self.count += 1
        if len(self.lines) < MAX_NOTES:
            self.lines.append(line)

    def leave_out(self, name: bytes) -> None:
        """Count a file that is left out, or a folder (with a ``/``)."""
        text = os.fsdecode(name).encode(errors="replace").decode()
        if not text.endswith("/"):
            text = compressed(text) or os.path.splitext(text)[1].lower()  # noqa: PTH122 - of a name
        self.take_over({text: 1})

    def take_over(self, left_out: Mapping[str, int]) -> None:
        """Count what was left out elsewhere, as `left_out` has it."""
        for text, count in left_out.items():
            known = text in self.left_out or len(self.left_out) < MAX_ENDINGS
            self.left_out[text if known else "…"] += count

    def as_tuple(self) -> tuple[str, ...]:
        """The lines, and a last one with the number of those that are missing."""
        more = self.count - len(self.lines)
        return (*self.lines, f"and {more} more") if more else tuple(self.lines)


@dataclass(slots=True)
class Walk:
    """How to walk a directory.

    Attributes:
        wanted: whether a file of this name is an image to label.
        excluded: whether a file or folder of this name is left out all the same.
        folder: where sorted runs may be spilled; the job's directory, which is never walked.
        follow_links: enter symbolic links to directories.
        notes: what was left out.
        entering: told of each directory, `top` and the path below it, before it is listed.
    """

    wanted: Callable[[bytes], bool]
    excluded: Callable[[bytes], bool]
    folder: Path
    follow_links: bool
    notes: Notes
    entering: Callable[[bytes, bytes], None] = lambda top, relative: None
    _seen: set[tuple[int, int]] = field(default_factory=set)
    _own: tuple[int, int] | None = None

    def below(self, top: bytes, start: bytes = b"") -> Iterator[bytes]:
        """Paths of wanted files, relative to `top`, in byte order.

        Args:
            start: only those below this directory, which ends in a ``/``.

        Raises:
            SourceError: `top` cannot be listed, or the file system failed on the way.
            StoppedError: too many files are open.
        """
        own = self.folder.stat()
        self._own = (own.st_dev, own.st_ino)
        levels: list[tuple[bytes, Iterator[bytes], SortedSpill]] = []
        try:
            self._enter(top, start, levels)
            while levels:
                prefix, names, spill = levels[-1]
                for name in names:
                    if name.endswith(b"/"):
                        self._enter(top, prefix + name, levels)
                        break
                    yield prefix + name
                else:
                    spill.close()
                    levels.pop()
        finally:
            for *_, spill in levels:
                spill.close()

    def _enter(
        self, top: bytes, relative: bytes, levels: list[tuple[bytes, Iterator[bytes], SortedSpill]]
    ) -> None:
        path = top + b"/" + relative if relative else top
        spill = SortedSpill(self.folder)
        try:
            if not self._first_time(path):
                return
            self.entering(top, relative)
            with os.scandir(path) as entries:
                for entry in entries:
                    self._sort_in(entry, spill)
        except (FileNotFoundError, PermissionError, NotADirectoryError) as error:
            spill.close()
            if not relative:
                raise SourceError(_cannot_list(path, error)) from error
            self.notes.add(_cannot_list(path, error))
            return
        except OSError as error:
            spill.close()
            if error.errno in (errno.EMFILE, errno.ENFILE):  # nothing is wrong with the folder
                raise StoppedError(
                    f"{_cannot_list(path, error)}; raise the limit of open files (`ulimit -n`), "
                    "then run the same command again"
                ) from error
            raise SourceError(
                f"{_cannot_list(path, error)}; the list would be incomplete, so repair the file "
                "system and start again"
            ) from error
        levels.append((relative, iter(spill), spill))

    def _first_time(self, path: bytes) -> bool:
        """Whether a directory is one to list; costs one stat, of a directory just found."""
        status = os.stat(path)  # noqa: PTH116 - raw bytes
        identity = (status.st_dev, status.st_ino)
        if identity == self._own or _of_a_run(path):
            return False
        if self.follow_links:
            if identity in self._seen:
                self.notes.add(f"{os.fsdecode(path)}: already listed under another path")
                return False
            self._seen.add(identity)
        return True

    def _sort_in(self, entry: "os.DirEntry[bytes]", spill: SortedSpill) -> None:
        name = entry.name
        if self.excluded(name):
            folder = entry.is_dir(follow_symlinks=False)
            self.notes.leave_out(name + b"/" if folder else name)
        elif entry.is_symlink():
            if self.follow_links and _leads_to_directory(entry):
                spill.add(name + b"/")
            elif self.wanted(name):
                # Unasked where it leads, which costs a look for each of millions. A broken link,
                # or one to a directory or a FIFO, becomes a line that says so.
                spill.add(name)
            else:
                self.notes.leave_out(name + b"/" if _leads_to_directory(entry) else name)
        elif entry.is_dir(follow_symlinks=False):
            spill.add(name + b"/")
        elif self.wanted(name):
            spill.add(name)
        else:
            self.notes.leave_out(name)


def _of_a_run(path: bytes) -> bool:
    """The folder that some run keeps beside its results; whoever made it labels no logs."""
    return path.endswith(b".job/") and os.path.lexists(path + b"lock")


def _leads_to_directory(entry: "os.DirEntry[bytes]") -> bool:
    try:
        return stat.S_ISDIR(entry.stat().st_mode)
    except OSError:
        return False


def _cannot_list(path: bytes, error: OSError) -> str:
    return f"cannot list {os.fsdecode(path)}: {error.strerror or error}"
