"""Finds what is new in the directories of a job with ``--follow``, and decides when it counts.

Rules of this file:

1. A file counts when it was closed after writing or moved here, as inotify says. Where nothing says
   so, and where it is empty or hidden, which is how many programs begin, it counts when it has not
   changed for `QUIET_S`.
2. A directory is watched before it is listed, so nothing comes unseen in between. What the kernel
   could not tell (its queue was full, the file system is another machine's, there is no inotify)
   is found by listing everything again.
3. What is on the frozen list already is not new, whatever has become of it.
4. Memory does not grow with what is there, only with what is new, and with that up to a limit: what
   goes beyond it is found the next time that everything is listed.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import groupby, islice
from pathlib import Path

from batchcls.errors import SourceError, UsageError
from batchcls.images import Folder
from batchcls.job.job import Job
from batchcls.sources.containers.kinds import kind_of, may_have_frames
from batchcls.sources.nul_ended import BLOCK, Splitter
from batchcls.sources.opening import Opened, open_sources
from batchcls.sources.signature import Signature, signature_of
from batchcls.sources.spill import SortedSpill
from batchcls.sources.watching import Seen, Watches, Where

QUIET_S = 10.0
GATHER_S = 1.0
"""How long a batch is gathered: a camera's burst is one, and not a list for each picture."""
POLL_S = 5.0
RESCAN_S = 600.0
"""Everything is listed again so often where inotify works: no file system is trusted for good."""
SHARE = 20
"""Listing everything, and writing a list, take at most one part of the time in so many."""
TURN_S = 0.3
AT_ONCE = 1 << 18
YIELD_EVERY = 1 << 10
MOST_PENDING = 1 << 16


def require_directories(job: Job) -> None:
    """Refuse sources that cannot be followed.

    Raises:
        UsageError: names the source.
    """
    for source in job.sources:
        if source == "-" or source.startswith("@"):
            what = "is a list of paths"
        elif "://" in source:
            what = "is not on this machine's file systems"
        elif Path(source).exists() and not Path(source).is_dir():
            what = "is a file"
        else:
            continue
        raise UsageError(
            f"source {source} {what}, and `--follow` watches directories; name a directory, or "
            "leave `--follow` out"
        )


def remove_listed(names: set[bytes], inputs: Path) -> None:
    """Take those names out of a set that a frozen list has."""
    splitter = Splitter()
    with inputs.open("rb", buffering=0) as file:
        while names and (block := file.read(BLOCK)):
            names.difference_update(splitter.split(block))


class Arrivals:
    """New files of a job's directories.

    Args:
        job: the run; all of its sources are directories.
        folder: of the run, where what outgrows memory lies.
        warn: tells people.

    Attributes:
        opened: the sources, with what was left out when everything was listed last.
        listed: the frozen list; None as long as there is none.
        not_before: no batch is due until this monotonic second.
        scanned: everything has been listed once.

    Raises:
        SourceError: a source is missing, or two overlap.
    """

    def __init__(self, job: Job, folder: Path, warn: Callable[[str], None]) -> None:
        self._job, self._folder, self._warn = job, folder, warn
        self.opened: Opened = open_sources(job, folder)
        self.listed: Path | None = None
        self.not_before = 0.0
        self._watches = Watches(warn)
        self._scan: Iterator[None] | None = None
        self._scan_at, self.scanned = 0.0, False
        self._directories: list[Where] = []
        self._pending: dict[bytes, tuple[Signature, float]] = {}  # what was noted first comes first
        self._tried: dict[bytes, Signature | None] = {}
        self._ready, self._count, self._since = SortedSpill(folder), 0, 0.0

    def turn(self, now: float) -> None:
        """Take in what has happened by monotonic second `now`: a moment's work, to be asked often.

        Raises:
            SourceError: a source cannot be listed, and never could.
        """
        for seen in self._watches.read():
            self._on(seen, now)
        if self._watches.lost:
            self._watches.lost, self._scan_at = False, now
        self._look(now)
        if self._scan is None and now >= self._scan_at:
            self._directories.clear()
            self._scan_at, self._scan = float("inf"), self._all(now)
        elif self._scan is None and self._directories:
            some, self._directories = self._directories, []
            self._scan = self._below(self.opened, some, now)
        end = time.monotonic() + TURN_S
        for _ in self._scan or ():
            if time.monotonic() > end:
                return
        self._scan = None

    def due(self, now: float) -> bool:
        """A batch has been gathered; what is coming in together belongs to one."""
        busy = self._scan is not None or self._directories
        return self._count > 0 and not busy and now >= max(self._since + GATHER_S, self.not_before)

    def began(self, since: float) -> None:
        """A batch has been put on the list since then; the longer it took, the later the next."""
        now = time.monotonic()
        self.not_before = now + SHARE * (now - since)

    @property
    def idle(self) -> bool:
        """There is nothing to do but to wait."""
        return self._count == 0 and self._scan is None

    def held(self) -> int:
        """How many files have come that are on no list yet; some may turn out to be."""
        pending = set(self._pending)
        self._sift(pending)
        return self._count + len(pending)

    def take(self) -> Iterator[bytes]:
        """The names of a batch: new files that are still there, each once, in byte order."""
        ready, self._ready, self._count = self._ready, SortedSpill(self._folder), 0
        with closing(ready):
            names = (name for name, _ in groupby(ready))
            while some := set(islice(names, AT_ONCE)):
                self._sift(some)
                for name in sorted(some):
                    found = signature_of(self._path(name))
                    if self._holds_several(name):
                        self._tried[name] = found
                    if found is not None:
                        yield name

    def close(self) -> None:
        """End all watches."""
        self._ready.close()
        self._watches.close()

    # ---- listing

    def _all(self, now: float) -> Iterator[None]:
        """List everything, a little at a time."""
        began = time.monotonic()
        again = 0.0
        try:
            opened = open_sources(self._job, self._folder)
            tops = [(os.fsencode(word), b"") for word in self._job.sources]
            yield from self._below(opened, tops, now)
            self.opened = opened
            for note in opened.notes.as_tuple():
                self._warn(note)
        except SourceError as error:
            if not self.scanned:
                raise
            self._warn(f"{error}; it is looked at again every {QUIET_S:.0f} s")
            again = QUIET_S
        self.scanned = True
        again = again or (RESCAN_S if self._watches.suffice else POLL_S)
        ended = time.monotonic()
        self._scan_at = min(self._scan_at, ended + max(again, SHARE * (ended - began)))

    def _below(self, opened: Opened, tops: list[Where], now: float) -> Iterator[None]:
        opened.walk.entering = self._watches.add
        names = (
            self._prefix(top) + name
            for top, start in tops
            for name in opened.walk.below(top, start)
        )
        while True:
            some: set[bytes] = set()
            for name in islice(names, AT_ONCE):
                some.add(name)
                if len(some) % YIELD_EVERY == 0:
                    yield
            if not some:
                return
            self._sift(some)
            for count, name in enumerate(some):
                self._found(name, now)
                if count % YIELD_EVERY == 0:
                    yield

    def _found(self, name: bytes, now: float) -> None:
        """A new file was seen where nothing says whether it is whole."""
        if name in self._pending:
            return
        found = signature_of(self._path(name))
        if found is None or (name in self._tried and self._tried[name] == found):
            return
        # The clock of another machine's files is another one, too.
        if found.older(QUIET_S) and (self._watches.suffice or not self.scanned):
            self._add(name, now)
        elif len(self._pending) < MOST_PENDING:
            self._pending[name] = (found, now)
        else:
            self._scan_at = min(self._scan_at, now + QUIET_S)

    def _look(self, now: float) -> None:
        """Look at files again that were seen long enough ago."""
        while self._pending:
            name, (before, since) = next(iter(self._pending.items()))
            if now - since < QUIET_S:
                return
            del self._pending[name]
            found = signature_of(self._path(name))
            if found == before:
                self._add(name, now)
            elif found is not None:
                self._pending[name] = (found, now)

    def _add(self, name: bytes, now: float) -> None:
        if not self._count:
            self._since = now
        self._count += 1
        self._ready.add(name)

    def _sift(self, names: set[bytes]) -> None:
        if self.listed is not None:
            remove_listed(names, self.listed)

    def _prefix(self, top: bytes) -> bytes:
        """What stands before names below a source; see `opening`."""
        return b"" if len(self._job.sources) == 1 else top.rstrip(b"/") + b"/"

    def _path(self, name: bytes) -> bytes:
        return os.fsencode(Folder(self.opened.root).path(os.fsdecode(name)))

    def _holds_several(self, name: bytes) -> bool:
        """Its own name may never stand on the list."""
        frames = bool(self._job.frame_step) and may_have_frames(name)
        return frames or kind_of(name) is not None

    def _just_begun(self, name: bytes) -> bool:
        """Though it was closed, its program has more to do: to write it, or to give it its name."""
        found = None if b"/." in b"/" + name else signature_of(self._path(name))
        return found is None or found.size == 0

    # ---- what the kernel says

    def _on(self, seen: Seen, now: float) -> None:
        (top, relative), walk = seen.where, self.opened.walk
        name = self._prefix(top) + relative + seen.name
        if walk.excluded(seen.name):
            return
        if seen.directory:
            self._directories.append((top, relative + seen.name + b"/"))
            if self._job.follow_links:  # which of two ways leads there is decided from the top
                self._scan_at = now
        elif walk.wanted(seen.name):
            if seen.whole and not self._just_begun(name):
                self._pending.pop(name, None)
                self._add(name, now)
            else:
                self._found(name, now)
        elif self._job.follow_links and os.path.isdir(self._path(name)):  # noqa: PTH112 - raw bytes
            self._scan_at = now
